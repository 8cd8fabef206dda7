import { posix } from "node:path";
import { addFlag, insertAfter, replaceIn } from "../dockerfile/edit.ts";
import { asRoot, userAt } from "../dockerfile/install.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended } from "./diagnosis.ts";
import { type Entry, type FoundLine, lastLike } from "./entry.ts";
import { copyOf } from "./run-copied.ts";
import { afterCopy } from "./run-entrypoint.ts";
import { fileCalled, isClassicBuild, isMounted, isPlainPath, placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const NAME = "[\\w./+@-]{1,200}";
const NOT_EXECUTABLE: readonly RegExp[] = [
  new RegExp(`exec: "(${NAME})": permission denied`),
  new RegExp(`^exec (${NAME}): permission denied$`, "i"),
  new RegExp(`^\\[FATAL tini \\(\\d{1,6}\\)\\] exec (${NAME}) failed: Permission denied`),
  new RegExp(`^[\\w./-]{1,200}: (?:(?:line )?\\d{1,6}: )?(?:exec: )?(${NAME}): (?:cannot execute: )?Permission denied$`),
  new RegExp(`^(?:/usr/bin/)?env: ['‘](${NAME})['’]: Permission denied`),
];
const CHMOD_REFUSED = /the --chmod option requires BuildKit/;

export const NOT_EXECUTABLE_FILE: Entry = {
  id: 20,
  slug: "not-executable",
  title: "A script may not be executed",
  verdicts: "fix: COPY --chmod=755, or RUN chmod where the builder is the classic one or the file is part of a folder",
  example: 'exec: "/entrypoint.sh": permission denied: unknown',
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NOT_EXECUTABLE), (line) => explain(line, evidence, snapshot)),
};

export const CHMOD_NEEDS_BUILDKIT: Entry = {
  id: 20,
  slug: "chmod-needs-buildkit",
  title: "COPY --chmod with the classic builder",
  verdicts: "fix: RUN chmod after the COPY instead",
  example: "the --chmod option requires BuildKit.",
  match: withoutFlag,
};

function explain(line: FoundLine, evidence: Evidence, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const called = nameIn(line);
  const place = placeOf(line, snapshot);
  const copied = place && !isMounted(called, snapshot) ? fileCalled(place, called, snapshot) : undefined;
  const mode = copied && snapshot.modes.get(copied.path);
  // Everybody may execute it: then it is denied for another reason.
  if (!place || !copied || !isPlainPath(copied.target) || (mode !== undefined && (mode & 0o005) === 0o005)) return undefined;
  const chmod = `chmod 755 ${copied.target}`;
  const alone = copied.alone && !isClassicBuild(evidence);
  const { text } = place;
  const fixed = alone ? addFlag(text, copied.instruction, "--chmod=755") : text.includes(chmod) ? text : afterCopy(place, copied, chmod);
  return mended(
    {
      entry: 20,
      signature: `not-executable:${copied.target}`,
      cause: `${copied.target} may not be executed: ${copied.path} has the mode ${(mode ?? 0o644).toString(8)}`,
      lines: [line],
      sure: "confirmed",
      verdict: "fix",
      remedy: alone ? `Copies ${copied.path} with the mode 755.` : `Gives ${copied.target} the mode 755 in the image.`,
    },
    snapshot,
    fixed,
  );
}

function withoutFlag(evidence: Evidence, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const line = lastLike(evidence, CHMOD_REFUSED);
  if (!line || !snapshot.dockerfile) return undefined;
  const { text } = snapshot.dockerfile;
  const changed = parseDockerfile(text, snapshot.buildArgs)
    .stages.flatMap(({ instructions }) => instructions)
    .toReversed()
    .reduce((now, { fromLine }) => plainCopy(now, fromLine, snapshot), text);
  return mended(
    {
      entry: 20,
      signature: "chmod-needs-buildkit",
      cause: "the Dockerfile uses COPY --chmod, which the classic builder does not know",
      lines: [line],
      sure: "confirmed",
      verdict: "fix",
      remedy: "Copies without --chmod, and sets the mode in a RUN of its own.",
    },
    snapshot,
    changed,
  );
}

/** From the last to the first, so that lines in front of it keep their numbers. */
function plainCopy(text: string, line: number, snapshot: ServiceSnapshot): string {
  const dockerfile = parseDockerfile(text, snapshot.buildArgs);
  const stage = dockerfile.stages.find(({ instructions }) => instructions.some(({ fromLine }) => fromLine === line));
  const instruction = stage?.instructions.find(({ fromLine }) => fromLine === line);
  const flag = instruction?.flags.find((one) => one.startsWith("--chmod="));
  const copy = stage && instruction && copyOf(dockerfile, stage, instruction);
  if (!stage || !instruction || !copy || flag === undefined) return text;
  const plain = replaceIn(text, instruction, [` ${flag}`, ""]);
  const mode = flag.slice("--chmod=".length);
  const targets = copy.sources.map((source) => targetOf(source, copy, snapshot));
  return insertAfter(
    plain,
    instruction.toLine,
    asRoot(`RUN chmod -R ${mode} ${targets.join(" ")}`, userAt(dockerfile, stage, instruction.toLine)),
  );
}

function targetOf(
  source: string,
  { target, folder, from }: NonNullable<ReturnType<typeof copyOf>>,
  { directory, paths }: ServiceSnapshot,
): string {
  const path = posix.join(directory, source);
  const isFile = from === undefined && paths.includes(path);
  return isFile && folder ? posix.join(target, posix.basename(path)) : target;
}
