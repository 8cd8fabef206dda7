import type { Diagnosis, FileEdit } from "../finding.ts";
import { withPyprojectVersion } from "../manifests/pyproject.ts";
import { normalName, requirementsOf, withVersion } from "../manifests/requirements.ts";
import { splice, versionAt } from "../manifests/lines.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { filesOf, pythonInstalls } from "./python-install.ts";
import { packageOf } from "./python-modules.ts";
import { nearestVersion } from "./python-versions.ts";
import { type Place, placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const NONE_SATISFIES = /\bCould not find a version that satisfies the requirement ([A-Za-z0-9][^\s(;]{0,200})/;
const NO_MATCH = /\bNo matching distribution found for ([A-Za-z0-9][^\s(;]{0,200})/;
/** A list of versions is as long as a package is old. */
const MAX_LIST_CHARS = 200_000;

/** Entry 2: a version of a Python package that the index does not have. */
export const PYTHON_VERSION_MISSING: Entry = {
  id: 2,
  slug: "python-version-missing",
  title: "The index has no such version of a Python package",
  verdicts: "approve: the nearest version that it has; report where it has none, or the version is asked for elsewhere",
  example: "ERROR: No matching distribution found for flask==3.0.99",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [NONE_SATISFIES, NO_MATCH]), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const [requirement] = requirementsOf(line.groups[1] ?? "");
  const name = requirement?.name ?? normalName(line.groups[1] ?? "");
  const asked = /^(?:===?|~=|>=)([\w.!+]+)$/.exec(requirement?.specifier ?? "")?.[1];
  const versions = versionsIn(line, asked);
  const told = {
    entry: 2,
    signature: `python-version-missing:${name}`.slice(0, 200),
    lines: [line],
    sure: "named" as const,
    verdict: "report" as const,
  };
  if (versions.length === 0)
    return reported({ ...told, cause: `the package index has no ${line.groups[1]} for this Python`, remedy: hint(name) });
  const cause = `the package index has no ${requirement?.written ?? name}${requirement?.specifier ?? ""} for this Python`;
  const to = asked === undefined ? undefined : nearestVersion(asked, versions);
  const place = placeOf(line, snapshot);
  const edit = place && asked !== undefined && to !== undefined ? editOf({ name, from: asked, to }, place, snapshot) : undefined;
  const offered = to ?? versions.at(-1);
  if (!edit) return reported({ ...told, cause, remedy: `Ask for another version where ${name} is required; ${offered} is there.` });
  const { finding } = reported({
    ...told,
    cause,
    sure: "likely",
    verdict: "approve",
    remedy: `Asks for ${to} instead of ${asked}, the nearest that there is (${edit.path}).`,
  });
  return { finding, remedy: { kind: "edits", edits: [edit] } };
}

interface Change {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

function editOf(change: Change, place: Place, snapshot: ServiceSnapshot): FileEdit | undefined {
  for (const install of pythonInstalls(place, snapshot)) {
    for (const path of filesOf(install, snapshot)) {
      const edit = inFile(path, change, snapshot.files.get(path) ?? "");
      if (edit) return edit;
    }
    const word = install.command.words.find(({ text }) => requirementsOf(text)[0]?.name === change.name);
    const at = word ? versionAt(place.text, word, change.from) : -1;
    if (at >= 0 && snapshot.dockerfile)
      return { path: snapshot.dockerfile.path, text: splice(place.text, { start: at, end: at + change.from.length }, change.to) };
  }
  return undefined;
}

function inFile(path: string, { name, from, to }: Change, text: string): FileEdit | undefined {
  if (path.endsWith(".toml")) {
    const changed = withPyprojectVersion(text, name, { from, to });
    return changed === undefined ? undefined : { path, text: changed };
  }
  const requirement = requirementsOf(text).find((one) => one.name === name && one.specifier.includes(from));
  const changed = requirement ? withVersion(text, requirement, { from, to }) : text;
  return changed === text ? undefined : { path, text: changed };
}

/** Versions that pip lists, oldest first. Of a list that was cut, only what surely is not its end: what is nearest may stand behind. */
function versionsIn({ lines, at, text }: FoundLine, asked: string | undefined): readonly string[] {
  // pip says the list one line above `No matching distribution`.
  const list = [text, lines[at - 1] ?? ""]
    .map((line) => /\(from versions: ([^)]*)(\)?)/.exec(line.slice(0, MAX_LIST_CHARS)))
    .find((found) => found !== null);
  const versions = (list?.[1] ?? "").split(",").map((version) => version.trim());
  const whole = list?.[2] === "" ? versions.slice(0, -1) : versions;
  const isCut = list?.[2] === "" && asked !== undefined && nearestVersion(asked, whole) === whole.at(-1);
  return isCut ? [] : whole.filter((version) => /^\d/.test(version));
}

function hint(name: string): string {
  const other = packageOf(name.replaceAll("-", "_"));
  const isOther = other !== undefined && normalName(other) !== name;
  return isOther
    ? `The module ${name} comes with the package ${other}.`
    : "See whether the name is right, and whether the package supports this Python and this machine.";
}
