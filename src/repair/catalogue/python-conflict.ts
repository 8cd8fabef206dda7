import type { Diagnosis, FileEdit } from "../finding.ts";
import { normalName, requirementsOf, withoutRequirement, withSpecifier } from "../manifests/requirements.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { filesOf, pythonInstalls } from "./python-install.ts";
import { isNewer } from "./python-versions.ts";
import { type Place, placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const IMPOSSIBLE = /\bResolutionImpossible\b/;
/** How far above it pip tells what conflicts. */
const BLOCK_LINES = 60;
const REQUESTED = /^\s*The user requested (?:\(constraint\) )?([A-Za-z0-9][\w.-]{0,100})(?:\[[^\]]{0,100}\])?(\S{0,200})/;
const DEPENDS =
  /^\s*([A-Za-z0-9][\w.-]{0,100})(?:\[[^\]]{0,100}\])? \S{1,60} depends on ([A-Za-z0-9][\w.-]{0,100})(?:\[[^\]]{0,100}\])?(.{0,200})/;

/** Entry 3: requirements that cannot be met together. */
export const PYTHON_CONFLICT: Entry = {
  id: 3,
  slug: "python-conflict",
  title: "Python packages want different versions of another one",
  verdicts:
    "approve: the version that was asked for gives way to what the others can work with; report where it is not asked for in a requirements file",
  example: "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/…",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [IMPOSSIBLE]), (line) => explain(line, snapshot)),
};

interface Conflict {
  readonly subject: string;
  /** Specifiers of the user's own. */
  readonly requested: readonly string[];
  readonly depends: readonly { readonly by: string; readonly specifier: string }[];
}

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const conflict = conflictAbove(line);
  const subject = conflict?.subject ?? "packages";
  const told = { entry: 3, signature: `python-conflict:${subject}`, lines: [line], sure: "named" as const, verdict: "report" as const };
  const wanting = conflict?.depends.map(({ by, specifier }) => `${by} wants ${subject}${specifier}`) ?? [];
  const own = conflict?.requested.map((specifier) => `the requirements want ${subject}${specifier}`) ?? [];
  const cause = conflict
    ? `no version of ${subject} suits all: ${[...own, ...wanting].slice(0, 4).join(", ")}`
    : "the requirements cannot be met together";
  const place = placeOf(line, snapshot);
  const edits = place && conflict ? editsOf(conflict, place, snapshot) : [];
  if (!conflict || edits.length === 0)
    return reported({ ...told, cause, remedy: "Loosen the versions that are asked for, or leave one of the packages out." });
  const { finding } = reported({ ...told, cause, sure: "likely", verdict: "approve", remedy: remedyOf(conflict) });
  return { finding, remedy: { kind: "edits", edits } };
}

function conflictAbove({ lines, at }: FoundLine): Conflict | undefined {
  const start = lines.slice(0, at).findLastIndex((line) => line.includes("The conflict is caused by:"));
  if (start < 0 || at - start > BLOCK_LINES) return undefined;
  const block = lines.slice(start + 1, at);
  const requested = block.flatMap((line) =>
    parts(REQUESTED, line).map(([name = "", specifier = ""]) => ({ name: normalName(name), specifier })),
  );
  const depends = block.flatMap((line) =>
    parts(DEPENDS, line).map(([by = "", name = "", specifier = ""]) => ({
      by: normalName(by),
      name: normalName(name),
      specifier: plain(specifier),
    })),
  );
  const subject = depends[0]?.name ?? requested[0]?.name;
  if (subject === undefined) return undefined;
  return {
    subject,
    requested: requested.filter(({ name }) => name === subject).map(({ specifier }) => specifier),
    depends: depends.filter(({ name }) => name === subject),
  };
}

function editsOf(conflict: Conflict, place: Place, snapshot: ServiceSnapshot): readonly FileEdit[] {
  const paths = new Set(pythonInstalls(place, snapshot).flatMap((install) => filesOf(install, snapshot)));
  return [...paths]
    .filter((path) => path.endsWith(".txt"))
    .flatMap((path) => {
      const before = snapshot.files.get(path) ?? "";
      const text = loosened(before, conflict);
      return text === before ? [] : [{ path, text }];
    });
}

function loosened(text: string, { subject, requested, depends }: Conflict): string {
  if (depends.length === 0) return withoutOlder(text, subject);
  if (requested.length > 0) {
    const wanted = [...new Set(depends.flatMap(({ specifier }) => specifier.split(",")))].filter(Boolean).join(",");
    const own = requirementsOf(text).find(({ name, specifier }) => name === subject && specifier !== "");
    return own ? withSpecifier(text, own, wanted) : text;
  }
  // Neither is the user's own wish: those who want it may be of any version that agrees.
  const by = new Set(depends.map((one) => one.by));
  const pinned = requirementsOf(text).filter(({ name, specifier }) => by.has(name) && specifier !== "");
  return pinned.toReversed().reduce((now, one) => withSpecifier(now, one, ""), text);
}

/** Of the same package twice, the newest stays. */
function withoutOlder(text: string, subject: string): string {
  const own = requirementsOf(text).filter(({ name }) => name === subject);
  const version = (specifier: string): string => specifier.replace(/^[=<>!~]+/, "");
  const newest = own.reduce(
    (best, one) => (isNewer(version(one.specifier), version(best.specifier)) ? one : best),
    own[0] ?? { line: 0, specifier: "" },
  );
  return own
    .filter((one) => one.line !== newest.line)
    .toReversed()
    .reduce((now, one) => withoutRequirement(now, one), text);
}

function remedyOf({ subject, requested, depends }: Conflict): string {
  if (depends.length === 0) return `Asks for ${subject} once, for the newest of the versions.`;
  return requested.length > 0
    ? `Asks for a version of ${subject} that ${depends[0]?.by} can work with.`
    : `Leaves the versions of ${depends.map(({ by }) => by).join(" and ")} to pip.`;
}

function parts(pattern: RegExp, line: string): readonly (readonly (string | undefined)[])[] {
  const found = pattern.exec(line);
  return found ? [found.slice(1)] : [];
}

/** `<1.27 and >=1.21.1` as pip reads it. */
function plain(specifier: string): string {
  return (/^[\s<>=!~\w.,*+-]*/.exec(specifier)?.[0] ?? "")
    .replace(/\s+and\s+/g, ",")
    .replace(/;.*$/, "")
    .replace(/\s+/g, "");
}
