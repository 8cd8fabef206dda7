import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { packageOf } from "./run-commands.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import type { Packages } from "./system-headers.ts";
import { buildSite, installed, pythonHeaders, runSite } from "./system-site.ts";

const COMPILER = "(gcc|g\\+\\+|cc|c\\+\\+)";
const TARGET = "(?:(?:x86_64|aarch64|arm|i[3-6]86|[a-z]\\w{1,20})-[\\w-]{1,30}-)?";
/** gcc, make, setuptools, meson, cmake, cgo and a shell, when there is no compiler. */
const NO_COMPILER: readonly RegExp[] = [
  new RegExp(`\\b(?:command|execute) '${TARGET}${COMPILER}(?:-\\d+)?'(?: failed)?: No such file or directory`),
  new RegExp(`\\[Errno 2\\] No such file or directory: '(?:/usr/bin/)?${TARGET}${COMPILER}'`),
  new RegExp(`^make(?:\\[\\d+\\])?: (?:/usr/bin/)?${TARGET}${COMPILER}: No such file or directory`),
  new RegExp(`C(?:\\+\\+)? compiler "${TARGET}${COMPILER}" not found`),
  new RegExp(`exec: "(?:/usr/bin/)?${TARGET}${COMPILER}": executable file not found`),
  new RegExp(`^(?:.{0,60}: )?(?:line \\d+: )?(?:\\d+: )?(?:/usr/bin/)?${TARGET}${COMPILER}: (?:command )?not found$`),
  new RegExp(`because ${COMPILER} is not installed`),
  /\bUnknown compiler\(s\): \[\['?(cc|c\+\+|gcc|g\+\+)/,
  /no acceptable (C) compiler found/i,
  /\b(C|C\+\+) compiler cannot create executables/,
  /No CMAKE_(C|CXX)_COMPILER could be found/,
  /CMAKE_(C|CXX)_COMPILER not set/,
  /\byou need a (C) compiler\b/i,
  /cannot execute ['‘`]?(cc1plus)/,
  /cannot find (crt[1in]\.o|Scrt1\.o|-lc|-lm)\b(?!\w)/,
  /fatal error: (stdio|stdlib|string|limits|errno|assert|stdint|math|unistd|time|signal|fcntl|ctype|features|sys\/types|sys\/param|iostream|cstdio|vector)(?:\.h)?: No such file/,
];
const NO_PYTHON_HEADERS: readonly RegExp[] = [
  /\b(Python) dependency not found/,
  /fatal error: '?(?:[\w./-]{1,100}\/)?(Python\.h|pyconfig\.h)'?(?::| file)/,
];
/** How programs say that another one, which they call, is not there. */
const NO_TOOL: readonly RegExp[] = [
  /\[Errno 2\] No such file or directory: ['"](?:\/usr\/bin\/)?([\w.+-]{1,60})['"]/,
  /\bCannot find command '([\w.+-]{1,60})'/,
  /\b(?:command|execute) '([\w.+-]{1,60})'(?: failed)?: No such file or directory/,
  /\bspawn ([\w.+-]{1,60}) ENOENT/,
  /\bCan't exec "([\w.+-]{1,60})": No such file or directory/,
  /^make(?:\[\d+\])?: ([\w.+-]{1,60}): No such file or directory/,
  /\bexec: "([\w.+-]{1,60})": executable file not found in \$PATH$/,
  /\bis `([\w.+-]{1,60})` not installed\?/,
  /\bIs `([\w.+-]{1,60})` installed\?/,
  /\b(git) executable must be specified|\bBad (git) executable/,
  /\b[Uu]nable to (?:invoke|run|execute) (pkg-config)\b/,
  /\b(cmake) (?:is not installed|must be installed|not found)/i,
  /\b(pkg-config|pkgconf)\b.{0,30}(?:is required|could not be found|not found\b(?! in))/i,
  /(?:^|: )(autoreconf|aclocal|automake|libtoolize|bison|flex|gperf|nasm|yasm|swig|meson|ninja|m4|gfortran|autoconf|gettext|msgfmt): (?:command )?not found$/,
  /(?:can't find|find) (Rust) compiler/,
  /\b(Cargo), the Rust package manager, is not installed/,
  /\bno (Fortran) compiler found/i,
  /\bProgram '([\w.+-]{1,60})' not found or not executable/,
  /\bsyscall spawn ([\w.+-]{1,60})$/,
  /\b(tesseract) is not installed or it's not in your PATH/,
  /\bfailed to execute (?:PosixPath\()?\[?'?(dot|neato|fdp)\b.{0,40}make sure the Graphviz/,
  /"(dot|neato)" not found in path/,
  /\bIs (poppler) installed and in PATH/,
  /\bNo (wkhtmltopdf) executable found/,
  /\b(ffmpeg|ffprobe)(?: and ffmpeg)? (?:is )?not (?:found|installed)\b/i,
];
const BOTH = (...names: string[]): Packages => ({ debian: names, alpine: names });
const RUST = BOTH("cargo", "rustc");
const RUST_PACKAGES: Packages = { debian: RUST.debian, alpine: ["cargo", "rust"] };
const AUTOTOOLS = BOTH("autoconf", "automake", "libtool");
const COMPILERS: Packages = { debian: ["build-essential"], alpine: ["build-base"] };
const TOOLS: Readonly<Record<string, Packages>> = {
  make: COMPILERS,
  cmake: { debian: ["cmake", "build-essential"], alpine: ["cmake", "build-base"] },
  autoreconf: AUTOTOOLS,
  aclocal: AUTOTOOLS,
  automake: AUTOTOOLS,
  autoconf: AUTOTOOLS,
  libtoolize: AUTOTOOLS,
  swig: BOTH("swig"),
  bison: BOTH("bison"),
  flex: BOTH("flex"),
  gperf: BOTH("gperf"),
  nasm: BOTH("nasm"),
  yasm: BOTH("yasm"),
  m4: BOTH("m4"),
  meson: BOTH("meson"),
  ninja: { debian: ["ninja-build"], alpine: ["ninja"] },
  gettext: BOTH("gettext"),
  msgfmt: BOTH("gettext"),
  pkgconf: { debian: ["pkg-config"], alpine: ["pkgconf"] },
  gfortran: BOTH("gfortran"),
  fortran: BOTH("gfortran"),
  rust: RUST_PACKAGES,
  rustc: RUST_PACKAGES,
  hg: BOTH("mercurial"),
  svn: BOTH("subversion"),
  wkhtmltopdf: { debian: ["wkhtmltopdf"], alpine: [] },
  "dbus-run-session": BOTH("dbus"),
  dot: BOTH("graphviz"),
  neato: BOTH("graphviz"),
  fdp: BOTH("graphviz"),
  poppler: BOTH("poppler-utils"),
  pdftoppm: BOTH("poppler-utils"),
  pdfinfo: BOTH("poppler-utils"),
  magick: BOTH("imagemagick"),
  soffice: { debian: ["libreoffice-core", "libreoffice-writer"], alpine: ["libreoffice"] },
  libreoffice: { debian: ["libreoffice-core", "libreoffice-writer"], alpine: ["libreoffice"] },
  pandoc: BOTH("pandoc"),
  espeak: { debian: ["espeak"], alpine: ["espeak-ng"] },
  sox: BOTH("sox"),
};

export const COMPILER_MISSING: Entry = {
  id: 5,
  slug: "compiler-missing",
  title: "No C compiler, or not all of it",
  verdicts: "fix: build-essential or build-base",
  example: "error: command 'gcc' failed: No such file or directory",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_COMPILER), (line) => compiler(line, snapshot)),
};

export const PYTHON_HEADERS_MISSING: Entry = {
  id: 5,
  slug: "python-headers-missing",
  title: "The headers of Python are not in the image",
  verdicts: "fix: python3-dev",
  example: "fatal error: Python.h: No such file or directory",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_PYTHON_HEADERS), (line) => headers(line, snapshot)),
};

export const TOOL_MISSING: Entry = {
  id: 5,
  slug: "tool-missing",
  title: "A program that another one calls is not in the image",
  verdicts: "fix: the package it is in",
  example: "ERROR: Cannot find command 'git' - do you have 'git' installed and in your PATH?",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_TOOL), (line) => tool(line, snapshot)),
};

function compiler(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  // node-gyp and cargo say the same of themselves: entries 16 and 19.
  if (line.lines.some((one) => /\bgyp (?:ERR!|info)/.test(one)) || /linker `/.test(line.text)) return undefined;
  const subject = subjectOf(nameIn(line));
  const cause = `there is no working ${subject === "c++" ? "C++" : "C"} compiler in the image, and something is built from source`;
  const meson = line.lines.some((one) => /The Meson build system/.test(one));
  const packages = meson ? { debian: [...COMPILERS.debian, "pkg-config"], alpine: [...COMPILERS.alpine, "pkgconf"] } : COMPILERS;
  const missing = { entry: 5, slug: "compiler-missing", subject, line, cause, sure: "confirmed" as const, packages, forPython: true };
  return installed(missing, buildSite(line, snapshot), snapshot);
}

function subjectOf(name: string): string {
  return /\+\+|CXX|cc1plus/.test(name) || /^(?:iostream|cstdio|vector)$/.test(name) ? "c++" : "cc";
}

function headers(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const site = buildSite(line, snapshot);
  const own = site ? pythonHeaders(site, line) : [];
  const debian = own.length > 0 ? own : ["python3-dev"];
  const cause = "an extension of Python is built from source, and the headers of Python are not in the image";
  const packages = { debian, alpine: ["python3-dev"] };
  return installed({ entry: 5, slug: "python-headers-missing", subject: "Python.h", line, cause, sure: "named", packages }, site, snapshot);
}

function tool(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const name = nameIn(line).toLowerCase();
  const site = runSite(line, snapshot) ?? buildSite(line, snapshot);
  const known = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  const packages = known ?? { debian: listed(packageOf(name, "debian")), alpine: listed(packageOf(name, "alpine")) };
  if (packages.debian.length + packages.alpine.length === 0 || /\bgyp ERR!/.test(line.text)) return undefined;
  const cause = `${name} is called, and is not in the image`;
  const compiles = /^pkg-?conf/.test(name);
  return installed(
    { entry: 5, slug: "tool-missing", subject: name, line, cause, sure: "named", packages, compiles, forPython: compiles },
    site,
    snapshot,
  );
}

function listed(name: string | undefined): readonly string[] {
  return name === undefined ? [] : [name];
}
