import { posix } from "node:path";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import { libraryOf } from "./system-headers.ts";
import { buildSite, installed } from "./system-site.ts";

/** How the name in a message becomes a key of the table of libraries. */
interface Kind {
  readonly patterns: readonly RegExp[];
  readonly keys: (name: string) => readonly string[];
  readonly what: (name: string) => string;
}

const HEADER: Kind = {
  patterns: [
    /fatal error: '?([\w./+-]{1,150})'?(?: file)?(?:: No such file or directory| not found)/,
    /\b(?:can't find|cannot find|could not find|unable to find|missing)(?: the)? ['"`]?([\w./+-]{1,100}\.h)\b/i,
    /(?:^|\s)['"`]?([\w./+-]{1,100}\.h)['"`]?(?: header)?(?: is)? (?:missing|not found)\b/i,
    /configure: error: .{0,100}?\b([\w./+-]{1,100}\.h)\b/,
  ],
  // Under a folder of its own, e.g. postgresql/libpq-fe.h, it is the same header.
  keys: (name) => name.split("/").map((_, at, parts) => parts.slice(at).join("/")),
  what: (name) => `the header ${name}`,
};
const MODULE: Kind = {
  patterns: [
    /\bPackage '?([\w.+-]{1,80})'? was not found in the pkg-config search path/,
    /\bNo package '([\w.+-]{1,80})' found/,
    /\bPackage '([\w.+-]{1,80})', required by '[^']{0,80}', not found/,
    /\bDependency "([\w.+-]{1,80})" not found/,
    /\bThe system library `([\w.+-]{1,80})` required by crate/,
    /\bpkg-config.{0,60}--(?:libs|cflags|exists)['",\s]{1,6}([\w.+-]{1,80})\b.{0,80}(?:did not exit successfully|returned non-zero)/,
    /\berror: ([\w.+-]{1,80}) is not installed or not in path/,
    /\bRequested '([\w.+-]{1,80})\b[^']{0,40}' but/,
  ],
  keys: (name) => [`pc:${name}`],
  what: (name) => `the library ${name}`,
};
const LINKED: Kind = {
  patterns: [/(?:cannot find|unable to find library) -l([\w.+-]{1,80})/, /could not find native static library `([\w.+-]{1,80})`/],
  keys: (name) => [`-l${name}`],
  what: (name) => `the library ${name} to link with`,
};
const PROGRAM: Kind = {
  patterns: [
    /(?:^|[\s'"/:])([\w-]{1,40}[-_]config)['"]?:? (?:command )?not found/,
    /\bCould not (?:run|find|execute) ([\w-]{1,40}[-_]config)\b/,
    /No such file or directory: ['"](?:\/usr\/bin\/)?([\w-]{1,40}[-_]config)['"]/,
    /\b([\w-]{1,40}[-_]config): No such file or directory/,
    /\bWARNING: Failed to find, or problem with, ([\w-]{1,40}[-_]config)\b/i,
  ],
  keys: (name) => [name],
  what: (name) => `${name}, which tells how to build against its library,`,
};
/** Libraries by the name that setup scripts and CMake call them. */
const CALLED: Readonly<Record<string, string>> = {
  libxml2: "libxml/",
  libxslt: "libxslt/",
  jpeg: "jpeglib.h",
  zlib: "zlib.h",
  tiff: "tiffio.h",
  freetype: "ft2build.h",
  lcms: "lcms2.h",
  webp: "webp/",
  png: "png.h",
  openssl: "openssl/",
  curl: "curl/",
  bzip2: "bzlib.h",
  liblzma: "lzma.h",
  sqlite3: "sqlite3.h",
  postgresql: "libpq-fe.h",
  mysql: "mysql.h",
  protobuf: "google/protobuf/",
  boost: "boost/",
  eigen3: "Eigen/",
  hdf5: "hdf5.h",
  opencv: "opencv2/",
  blas: "cblas.h",
  lapack: "cblas.h",
  openblas: "cblas.h",
  gdal: "gdal.h",
  geos: "geos_c.h",
  proj: "proj.h",
  icu: "unicode/",
  libffi: "ffi.h",
  libsodium: "sodium.h",
  sodium: "sodium.h",
  expat: "expat.h",
  gmp: "gmp.h",
  ldap: "ldap.h",
  readline: "readline/",
  libyaml: "yaml.h",
  yaml: "yaml.h",
  opengl: "GL/",
  x11: "X11/",
  libevent: "event.h",
  libuv: "uv.h",
  zeromq: "zmq.h",
  alsa: "alsa/",
};
const NAMED: Kind = {
  patterns: [
    /make sure the (libxml2) and libxslt development packages are installed/,
    /headers or library files could not be found for (\w{1,40})\b/,
    /\bCould NOT find (\w{1,40})\b(?: \(missing|,)/,
    /\b(\w{1,40}) is missing\. (?:Please|Install|Try|You)/,
    /\bPlease install (\w{1,40}) development (?:files|headers|libraries)/i,
    /\bconfigure: error: .{0,60}?\b(?:lib)?(readline|zlib|openssl|ldap|icu|libffi|gmp|curl|expat|libxml2|libevent|libyaml)\b.{0,40}(?:not found|missing|required|unable)/i,
  ],
  keys: (name) => [CALLED[name.toLowerCase()] ?? ""],
  what: (name) => `the library ${name}`,
};
/** Some say what Debian calls it. */
const ADVISED: Kind = {
  patterns: [
    /\b(lib[a-z0-9.+-]{1,60}-dev)\b.{0,60}\b(?:installed\?|(?:is|are) (?:required|missing|needed)|must be installed)/,
    /(?:\b[Tt]ry|\byou (?:may|need to|can)|^\s*\* ).{0,60}\bapt(?:-get)? install (?:-\S+ )*(lib[a-z0-9.+-]{1,60}-dev)\b/,
  ],
  keys: (name) => [`deb:${name}`],
  what: (name) => `the library of ${name}`,
};
/** What the builder repeats of the Dockerfile is no complaint. */
const ECHO = /^(?:Step \d|The command '|RUN |\s*\d+ \|)|process "\/bin\/sh -c/;
/** Pillow asks for one after the other. */
const OF_PILLOW = ["jpeglib.h", "zlib.h"].flatMap((key) => libraryOf(key) ?? []);
const KINDS: readonly Kind[] = [HEADER, MODULE, LINKED, PROGRAM, NAMED, ADVISED];

export const HEADER_MISSING: Entry = {
  id: 8,
  slug: "system-header-missing",
  title: "A library is not there to build against",
  verdicts: "fix where the table knows the header, the module of pkg-config, the library or its program; not recognised otherwise",
  example: "fatal error: ffi.h: No such file or directory",
  match: (evidence, snapshot) => {
    const found = latestLike(
      evidence,
      KINDS.flatMap(({ patterns }) => patterns),
    );
    return firstOf(found, (line) => explain(line, snapshot));
  },
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  // What configure tries out is allowed to be missing; headers of the service's own are no package.
  if (/\b_?conf(?:ig)?test\.|CMakeTmp/.test(line.text) || ECHO.test(line.text)) return undefined;
  const name = nameIn(line);
  if (/\.(?:h|hpp|hh)$/.test(name) && snapshot.paths.some((path) => path === name || path.endsWith(`/${posix.basename(name)}`)))
    return undefined;
  const kind = KINDS.find(({ patterns }) => patterns.some((pattern) => pattern.test(line.text.slice(0, 4000))));
  const library = kind
    ?.keys(name)
    .map(libraryOf)
    .find((one) => one !== undefined);
  if (!kind || !library) return undefined;
  const all = /could not be found for (?:jpeg|zlib)/.test(line.text) ? OF_PILLOW : [library];
  const packages = { debian: all.flatMap(({ debian }) => debian), alpine: all.flatMap(({ alpine }) => alpine) };
  const cause = `something is built from source, and ${kind.what(name)} is not in the image`;
  const missing = {
    entry: 8,
    slug: "system-header-missing",
    subject: name,
    line,
    cause,
    sure: "confirmed" as const,
    packages,
    forPython: kind !== HEADER,
    compiles: kind !== HEADER && kind !== LINKED,
  };
  const made = installed(missing, buildSite(line, snapshot), snapshot);
  // Advice that was followed already was not it.
  return kind === ADVISED && made.finding.verdict === "report" ? undefined : made;
}
