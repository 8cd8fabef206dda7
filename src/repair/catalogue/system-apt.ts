import { nearest } from "../../kernel/nearest.ts";
import { addWords, insertBefore, replaceIn } from "../dockerfile/edit.ts";
import { asRoot, userAt } from "../dockerfile/install.ts";
import { chainOf } from "../dockerfile/locate.ts";
import { APT_INSTALL, packagesOf } from "../dockerfile/packages.ts";
import { argumentsOf, type Instruction } from "../dockerfile/parse.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { mended, reported } from "./diagnosis.ts";
import { type Entry, type FoundLine, linesLike } from "./entry.ts";
import { nameIn } from "./run-lines.ts";
import { runSite, type Site } from "./system-site.ts";
import { knownNames, renamed } from "./system-renames.ts";

/** apt says `E: ` and the rest in pieces: what it says elsewhere at that time may come in between. */
const UNKNOWN: readonly RegExp[] = [
  /^(?:E?: )?Unable to locate package ([\w.+:-]{1,100})/,
  /^(?:E?: )?Couldn't find any package by (?:glob|regex) '([\w.+:-]{1,100})'/,
  /^\s{2}([\w.+-]{1,100}) \(no such package\):/,
];
const NO_CANDIDATE: readonly RegExp[] = [/^(?:E?: )?Package '([\w.+:-]{1,100})' has no installation candidate/];
/** A name stands alone: `libgl1` is not in `libgl1-mesa-dri`. */
const alone = (name: string): RegExp => new RegExp(`(?<![\\w.+:-])${name.replace(/[.+]/g, "\\$&")}(?![\\w+-]|\\.\\w)`);

interface Place {
  readonly site: Site;
  readonly run: Instruction;
}

interface Found {
  readonly lines: readonly FoundLine[];
  /** Each once, in the order apt told them. */
  readonly names: readonly string[];
}

export const PACKAGE_UNKNOWN: Entry = {
  id: 9,
  slug: "package-unknown",
  title: "The package manager does not know a package",
  verdicts: "fix: the package lists, or the name it has on this distribution; approve: the nearest name that is known; report otherwise",
  example: "E: Unable to locate package postgresql-dev",
  match: (evidence, snapshot) => {
    const found = namesIn(UNKNOWN.flatMap((pattern) => linesLike(evidence, pattern)));
    return found && explain(found, snapshot);
  },
};

export const PACKAGE_GONE: Entry = {
  id: 10,
  slug: "package-gone",
  title: "A package was renamed, split or dropped",
  verdicts: "fix: its new name, from the table or as apt tells it; approve where apt offers several; report otherwise",
  example: "E: Package 'netcat' has no installation candidate",
  match: (evidence, snapshot) => {
    const found = namesIn(NO_CANDIDATE.flatMap((pattern) => linesLike(evidence, pattern)));
    return found && replace(found, snapshot);
  },
};

export const LISTS_STALE: Entry = {
  id: 9,
  slug: "package-lists-stale",
  title: "The package lists are of an earlier build",
  verdicts: "fix: updates them in the RUN that installs; not recognised where it does",
  example: "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?",
  match: (evidence, snapshot) => {
    const line = linesLike(evidence, /^E: Unable to fetch some archives, maybe run apt-get update/).at(-1);
    const site = line && runSite(line, snapshot);
    const run = site?.stage.instructions.find(({ fromLine }) => fromLine === site.before);
    if (!line || !site || !run || /\bupdate\b/.test(run.text)) return undefined;
    const told = {
      entry: 9,
      signature: "package-lists-stale:apt",
      cause: "the package lists are older than the packages they name",
      lines: [line],
    };
    const remedy = "Runs apt-get update in front of apt-get install, in the same RUN.";
    return mended({ ...told, sure: "confirmed", verdict: "fix", remedy }, snapshot, withUpdate({ site, run }));
  },
};

function explain(found: Found, snapshot: ServiceSnapshot): Diagnosis {
  const place = placeFor(found, snapshot);
  const told = {
    entry: 9,
    signature: `package-unknown:${found.names[0]}`,
    cause: `${found.names.join(", ")}: no such package is known in the image`,
    lines: found.lines,
  };
  const report = reported({ ...told, sure: "named", verdict: "report", remedy: "Correct the name, or add the repository that has it." });
  if (!place) return report;
  if (place.site.distribution === "debian" && !isUpdated(place)) {
    const cause = `the package lists are not there when ${found.names.join(", ")} ${found.names.length > 1 ? "are" : "is"} installed`;
    const remedy = "Runs apt-get update in front of apt-get install, in the same RUN.";
    return mended({ ...told, cause, sure: "confirmed", verdict: "fix", remedy }, snapshot, withUpdate(place)) ?? report;
  }
  return named(place, found, { snapshot, told }) ?? report;
}

type Told = Omit<Parameters<typeof mended>[0], "sure" | "verdict" | "remedy">;

function named(
  { site, run }: Place,
  { names }: Found,
  { snapshot, told }: { readonly snapshot: ServiceSnapshot; readonly told: Told },
): Diagnosis | undefined {
  const known = knownNames(site.distribution);
  const pairs = names.map((name) => {
    const sure = renamed(name, site.distribution);
    const near = sure ? undefined : nearest(name, known, 2);
    return { name, to: sure ?? (near === undefined ? undefined : [near]), sure: sure !== undefined };
  });
  if (pairs.some(({ to }) => to === undefined)) return undefined;
  const text = withNames(
    site.text,
    run,
    pairs.map(({ name, to }) => [name, to ?? []] as const),
  );
  const changes = pairs.map(({ name, to }) => `${name} → ${to?.join(" ")}`).join(", ");
  const sure = pairs.every((pair) => pair.sure);
  const remedy = sure ? `Installs it under its name here: ${changes}.` : `Installs the nearest name that is known: ${changes}.`;
  return mended({ ...told, sure: sure ? "named" : "guessed", verdict: sure ? "fix" : "approve", remedy }, snapshot, text);
}

function replace(found: Found, snapshot: ServiceSnapshot): Diagnosis {
  const place = placeFor(found, snapshot);
  const told = {
    entry: 10,
    signature: `package-gone:${found.names[0]}`,
    cause: `${found.names.join(", ")}: the release of the image has no such package any more`,
    lines: found.lines,
  };
  const report = reported({
    ...told,
    sure: "named",
    verdict: "report",
    remedy: "Install what has taken its place, or use another base image.",
  });
  if (!place) return report;
  const pairs = found.names.map((name) => {
    const known = renamed(name, place.site.distribution);
    const offered = offeredFor(name, found.lines[0]?.lines ?? []);
    return { name, to: known ?? offered.slice(0, 1), sure: known !== undefined || offered.length === 1 };
  });
  if (pairs.some(({ to }) => to.length === 0)) return report;
  const text = withNames(
    place.site.text,
    place.run,
    pairs.map(({ name, to }) => [name, to] as const),
  );
  const sure = pairs.every((pair) => pair.sure);
  const remedy = `Installs what has taken its place: ${pairs.map(({ name, to }) => `${name} → ${to.join(" ")}`).join(", ")}.`;
  return mended({ ...told, sure: sure ? "named" : "likely", verdict: sure ? "fix" : "approve", remedy }, snapshot, text) ?? report;
}

/** What apt itself offers in place of it: behind `Package x is …`, indented. */
function offeredFor(name: string, lines: readonly string[]): readonly string[] {
  const start = lines.findLastIndex((line) => line.replace(/^E:? ?(?=Package )/, "").startsWith(`Package ${name} is `));
  if (start === -1) return [];
  const end = lines.findIndex((line, at) => at > start && /^(?:E?:|Package |\s*$)/.test(line));
  const told = lines.slice(start + 1, end === -1 ? start + 20 : end);
  return told.flatMap((line) => /^\s{2}([a-z0-9][\w.+-]*)/.exec(line)?.[1] ?? []);
}

function namesIn(found: readonly FoundLine[]): Found | undefined {
  const [first] = found;
  if (!first) return undefined;
  const lines = found.filter((one) => one.lines === first.lines).toSorted((a, b) => b.at - a.at);
  const names = lines.map((line) => nameIn(line).replace(/:\w+$/, "")).toReversed();
  return { lines, names: [...new Set(names)] };
}

/** The RUN that asked for them. */
function placeFor({ lines, names }: Found, snapshot: ServiceSnapshot): Place | undefined {
  const [line] = lines;
  const site = line && runSite(line, snapshot);
  if (!site) return undefined;
  const stages = [site.stage, ...site.dockerfile.stages.toReversed()];
  const runs = stages.flatMap((stage) => stage.instructions.filter(({ keyword }) => keyword === "RUN").map((run) => ({ stage, run })));
  const asks = runs.filter(({ run }) => names.some((name) => packagesOf(run).includes(name) || alone(name).test(run.text)));
  const found = asks.find(({ run }) => run.fromLine === site.before) ?? (site.before === undefined ? asks[0] : undefined);
  return found && { site: { ...site, stage: found.stage, before: found.run.fromLine }, run: found.run };
}

/** Whether there are package lists when this RUN installs: updated in it, or earlier and not thrown away since. */
function isUpdated({ site, run }: Place): boolean {
  const text = run.text.replace(/["',[\]]/g, " ");
  const install = APT_INSTALL.exec(text);
  if (!install || /\b(?:apt-get|apt|aptitude)\b[^&|;\n]*\bupdate\b/.test(text.slice(0, install.index))) return true;
  const earlier = chainOf(site.dockerfile, site.stage)
    .flatMap(({ instructions }) => instructions.toReversed())
    .filter((one) => one.keyword === "RUN" && one.fromLine < run.fromLine)
    .map(argumentsOf);
  const last = earlier.find((text) => /\b(?:apt-get|apt|aptitude)\b[^&|;\n]*\bupdate\b|\/var\/lib\/apt\/lists/.test(text));
  return last !== undefined && !/rm\b[^&|;]*\/var\/lib\/apt\/lists/.test(last);
}

function withUpdate({ site, run }: Place): string {
  // As a list of words there is no shell to join two commands.
  if (/^RUN(?: --\S+)* \[/.test(run.text))
    return insertBefore(site.text, run.fromLine, asRoot("RUN apt-get update", userAt(site.dockerfile, site.stage, run.fromLine)));
  const before = /(?:sudo\s+)?(?:\b[A-Z_]+=\S+\s+)*\b(?:apt-get|apt)\s+(?:-\S+\s+)*install\b/;
  const sudo = /sudo\s+(?:[A-Z_]+=\S+\s+)*(?:apt-get|apt)\s/.test(run.text) ? "sudo " : "";
  return addWords(site.text, run, { words: `${sudo}apt-get update &&`, before });
}

function withNames(text: string, run: Instruction, names: readonly (readonly [string, readonly string[]])[]): string {
  const there = new Set(packagesOf(run));
  return names.reduce((now, [name, to]) => {
    const missing = to.filter((one) => !there.has(one));
    for (const one of missing) there.add(one);
    // A version belongs to the old name.
    const pattern = new RegExp(`${alone(name).source}(?:=[\\w.~:+*-]+)?`);
    return replaceIn(now, run, [pattern, (missing.length > 0 ? missing : to).join(" ")]);
  }, text);
}
