import { posix } from "node:path";
import { replaceIn } from "../dockerfile/edit.ts";
import type { Diagnosis, Remedy } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { type Called, commandsNear, fileRead } from "./called-commands.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { lockName, nodeLock, type NodeTool, poetryLock } from "./lock-tools.ts";
import { folderOf, nodeInstalls, packageFolder } from "./node-install.ts";
import { copiedTo, copyOf, workdirAt } from "./run-copied.ts";
import { type Place, placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const SAID: readonly (readonly [RegExp, NodeTool | "poetry"])[] = [
  [/(?:`npm ci`|cipm) can only install packages when your package\.json/, "npm"],
  [/(?:`npm ci`|cipm)(?: command)? can only install (?:packages )?with an existing/, "npm"],
  [/\bERR_PNPM_(?:OUTDATED_LOCKFILE|NO_LOCKFILE|FROZEN_LOCKFILE_WITH_OUTDATED_LOCKFILE)\b/, "pnpm"],
  [/\bYour lockfile needs to be updated, but yarn was run with `--frozen-lockfile`/, "yarn"],
  [/\bYN0028\b.*The lockfile would have been modified by this install/, "yarn"],
  [/\bpyproject\.toml changed significantly since poetry\.lock was last generated/, "poetry"],
  [/\bpoetry\.lock is not up to date with pyproject\.toml/, "poetry"],
];

/** Entry 13: a lock file that does not go with what it locks. */
export const LOCK_OUTDATED: Entry = {
  id: 13,
  slug: "lock-outdated",
  title: "A lock file does not go with package.json or pyproject.toml",
  verdicts: "fix: the image's own tool brings it up to date, in a copy; report where there is no such file to lock",
  example: "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.",
  match: (evidence, snapshot) =>
    firstOf(
      SAID.flatMap(([pattern, tool]) => latestLike(evidence, [pattern]).map((line) => ({ line, tool }))),
      ({ line, tool }) => explain(line, tool, snapshot),
    ),
};

function explain(line: FoundLine, tool: NodeTool | "poetry", snapshot: ServiceSnapshot): Diagnosis {
  const place = placeOf(line, snapshot);
  const manifest = tool === "poetry" ? "pyproject.toml" : "package.json";
  const name = tool === "poetry" ? "poetry.lock" : lockName(tool);
  const folder = place && folderFor(tool, place, snapshot);
  const lock = folder === undefined ? name : posix.join(folder, name);
  const told = {
    entry: 13,
    signature: `lock-outdated:${lock}`.slice(0, 200),
    cause: `${lock} does not go with ${manifest}`,
    lines: [line],
    sure: "confirmed" as const,
  };
  if (!place || folder === undefined)
    return reported({ ...told, verdict: "report", remedy: `Bring ${name} up to date with ${tool}, and commit it.` });
  const mended = remedyFor(tool, lock, { folder, place, snapshot });
  return { finding: reported({ ...told, verdict: "fix", remedy: mended.says }).finding, remedy: mended.remedy };
}

interface Around {
  readonly folder: string;
  readonly place: Place;
  readonly snapshot: ServiceSnapshot;
}

function remedyFor(
  tool: NodeTool | "poetry",
  lock: string,
  { folder, place, snapshot }: Around,
): { readonly remedy: Remedy; readonly says: string } {
  const stage = (tool === "poetry" ? place.stage : nodeInstalls(place).find((one) => one.tool === tool)?.stage) ?? place.stage;
  if (tool === "poetry")
    return {
      remedy: { kind: "tool", run: poetryLock(lock, { place, snapshot, stage }) },
      says: `Brings ${lock} up to date with poetry; versions that are locked stay.`,
    };
  const instead = tool === "npm" ? withoutLock(lock, { folder, place, snapshot }) : undefined;
  if (instead) return instead;
  const run = nodeLock(tool, folder, { place, snapshot, stage });
  return { remedy: { kind: "tool", run }, says: `Brings ${lock} up to date with ${tool} of ${run.image}; versions that are locked stay.` };
}

/** Nobody copies the lock into the image: there it is missing, whatever it holds. */
function withoutLock(lock: string, { place, snapshot }: Around): { readonly remedy: Remedy; readonly says: string } | undefined {
  const called = commandsNear(place).find(isCi);
  if (!called || !snapshot.dockerfile) return undefined;
  const target = posix.resolve(workdirAt(place.dockerfile, called.stage, called.instruction.fromLine), posix.basename(lock));
  const there = { ...snapshot, paths: [...new Set([...snapshot.paths, lock])] };
  const before = called.stage.instructions.filter(({ fromLine }) => fromLine < called.instruction.fromLine);
  if (copiedTo(place.dockerfile, { ...called.stage, instructions: before }, { target, snapshot: there })) return undefined;
  const copy = before.find((one) => / package\.json /.test(one.text) && copyOf(place.dockerfile, called.stage, one)?.folder);
  const path = snapshot.dockerfile.path;
  if (copy && snapshot.paths.includes(lock)) {
    const text = replaceIn(place.text, copy, [/(?<=\s)package\.json(?=\s)/, "package.json package-lock.json"]);
    return { remedy: { kind: "edits", edits: [{ path, text }] }, says: "Copies package-lock.json into the image, too." };
  }
  if (snapshot.paths.includes(lock)) return undefined;
  const text = replaceIn(place.text, called.instruction, [/(?<=\bnpm\s+)(?:ci|clean-install)\b/, "install"]);
  return { remedy: { kind: "edits", edits: [{ path, text }] }, says: "Installs without a lock file: there is none." };
}

function isCi({ words }: Called): boolean {
  return words[0] === "npm" && /^(?:ci|clean-install)$/.test(words[1] ?? "");
}

function folderFor(tool: NodeTool | "poetry", place: Place, snapshot: ServiceSnapshot): string | undefined {
  if (tool !== "poetry") return packageFolder(place, snapshot);
  const called = commandsNear(place).find(({ words }) => words[0]?.endsWith("poetry"));
  const read = called && fileRead(called, place, { written: "pyproject.toml", snapshot });
  const own = posix.join(snapshot.directory, "pyproject.toml");
  const path = read ?? (snapshot.files.has(own) ? own : undefined);
  return path === undefined ? undefined : folderOf(path);
}
