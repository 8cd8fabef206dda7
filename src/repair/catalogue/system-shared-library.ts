import { posix } from "node:path";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";
import { packagesOfLibrary } from "./system-libraries.ts";
import { installed, runSite } from "./system-site.ts";

const FILE = "([\\w.+-]{1,100}\\.so(?:\\.[\\w.]{1,30})?)";
const NOT_LOADED: readonly RegExp[] = [
  new RegExp(`(?:^|[\\s:'"(])(?:/[\\w./+-]{1,150}/)?${FILE}: cannot open shared object file`),
  new RegExp(`Error loading shared library (?:/[\\w./+-]{1,150}/)?${FILE}: No such file`),
  /\bfailed to find (libmagic)\b/,
  /\bUnable to find (zbar) shared library/,
  /\b(PortAudio|sndfile) library not found/,
  /\bcannot load library '([\w.+-]{1,100})'/,
  /\bno library called "([\w.+-]{1,100})" was found/,
  /\bUnable to load (?:shared |DLL )?(?:library )?'([\w.+-]{1,100})' or one of its dependencies/,
  /\bCould not find the (GDAL|GEOS|PROJ) library/,
  /\bCould not find lib (geos_c)\b/,
  /\b(?:could not find or load|Could not load) (spatialindex_c|libspatialindex_c)\b/,
  /\bThe '(enchant)' C library was not found/,
  /\bUnable to find (libdmtx|dmtx) shared library/,
  /\bCould not find (tesseract|wkhtmltox|libsodium|libusb)\b.{0,20}librar/i,
  /\b(libgdiplus): cannot open|Unable to load DLL '(libgdiplus)'/i,
];
const OTHER_NAMES: Readonly<Record<string, string>> = {
  portaudio: "libportaudio.so.2",
  geos: "libgeos_c",
  gdal: "libgdal",
  proj: "libproj",
  "gobject-2.0-0": "libgobject-2.0",
  "pango-1.0-0": "libpango-1.0",
  "pangoft2-1.0-0": "libpangoft2-1.0",
  "cairo-2": "libcairo.so.2",
  "harfbuzz-0": "libharfbuzz.so.0",
  "fontconfig-1": "libfontconfig.so.1",
};
/** The libc of the image is older than that of where the program was built. */
const TOO_OLD: readonly RegExp[] = [/version [`'‘"]?((?:GLIBC|GLIBCXX|CXXABI)_[\d.]{1,12})['’"]? not found/];
/** WeasyPrint loads them one by one, and says only the first. */
const OF_WEASYPRINT: readonly string[] = ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"];

export const SHARED_LIBRARY_MISSING: Entry = {
  id: 12,
  slug: "shared-library-missing",
  title: "A shared library is not in the image that runs",
  verdicts: "fix where the table knows its package; report for libraries of releases that are over and for the service's own",
  example: "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NOT_LOADED), (line) => explain(line, snapshot)),
};

export const LIBC_TOO_OLD: Entry = {
  id: 12,
  slug: "libc-too-old",
  title: "A program was built on a newer release than it runs on",
  verdicts: "report",
  example: "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found",
  match: (evidence) =>
    firstOf(latestLike(evidence, TOO_OLD), (line) =>
      reported({
        entry: 12,
        signature: `libc-too-old:${nameIn(line)}`,
        cause: `a program needs ${nameIn(line)}, which is newer than the libraries of the image`,
        lines: [line],
        sure: "named",
        verdict: "report",
        remedy: "Build it on the release it runs on: the same base image for both stages.",
      }),
    ),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const name = nameIn(line);
  const told = {
    entry: 12,
    signature: `shared-library-missing:${name}`,
    lines: [line],
    sure: "confirmed" as const,
    verdict: "report" as const,
  };
  if (snapshot.paths.some((path) => posix.basename(path) === name))
    return reported({
      ...told,
      cause: `the loader does not find ${name}, which is the service's own`,
      remedy: `Copy ${name} to where the loader looks, or set LD_LIBRARY_PATH.`,
    });
  const packages = packagesOfLibrary(OTHER_NAMES[name.toLowerCase()] ?? name);
  if (packages === "gone")
    return reported({
      ...told,
      cause: `${name} belongs to another release than the image is of`,
      remedy: "Build or install what needs it for the release of the image, or use the base image it was built for.",
    });
  if (!packages) return undefined;
  const cause = `${name} is loaded at run time, and is not in the image`;
  const site = runSite(line, snapshot);
  const weasy = line.lines.some((one) => /weasyprint/i.test(one)) && /gobject|pango|harfbuzz|fontconfig/.test(name);
  const wanted = weasy
    ? { ...packages, debian: [...new Set([...packages.debian, ...OF_WEASYPRINT])], alpine: ["pango", ...packages.alpine] }
    : packages;
  return installed(
    { entry: 12, slug: "shared-library-missing", subject: name, line, cause, sure: "confirmed", packages: wanted },
    site,
    snapshot,
  );
}
