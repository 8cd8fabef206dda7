import { posix } from "node:path";
import { installPackages } from "../dockerfile/install.ts";
import { distributionOf } from "../dockerfile/locate.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { requirePython } from "./python-require.ts";
import { packageOf, pythonPackageOf } from "./run-commands.ts";
import { fileCalled, isMounted, type Place, placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const NAME = "[\\w./+@-]{1,200}";
/** What shells, env, tini and runc say of a command they do not find. */
const NOT_FOUND: readonly RegExp[] = [
  new RegExp(`^(?:[\\w./-]{1,200}: )?(?:line )?\\d{1,6}: (?:exec: )?(${NAME}): not found$`),
  new RegExp(`^(?:/bin/)?(?:ba|da|a|z)?sh: (?:exec: )?(${NAME}): not found$`),
  new RegExp(`^[\\w./-]{1,200}: (?:line )?\\d{1,6}: (?:exec: )?(${NAME}): (?:command )?not found$`),
  new RegExp(`^(?:/bin/)?(?:ba|z)?sh: (?:line \\d{1,6}: )?(?:exec: )?(${NAME}): command not found$`),
  new RegExp(`\\bexec: "(${NAME})": executable file not found in`),
  new RegExp(`\\bexec: "(${NAME})": stat ${NAME}: no such file or directory`),
  new RegExp(`^\\[FATAL tini \\(\\d{1,6}\\)\\] exec (${NAME}) failed: No such file or directory`),
  new RegExp(`^exec (${NAME}): no such file or directory$`),
  new RegExp(`^(?:/usr/bin/)?env: ['‘](${NAME})['’]: No such file or directory`),
  new RegExp(`^(?:/usr/bin/)?env: can't execute '(${NAME})': No such file or directory`),
];
/** What a probe of docker's own says: entry 25. */
const OF_A_PROBE = /OCI runtime exec failed/;

/** Entry 20: a command that the image does not have. */
export const COMMAND_MISSING: Entry = {
  id: 20,
  slug: "command-missing",
  title: "A command is not in the image",
  verdicts: "fix: the package it is in, or for gunicorn, uvicorn and their like a line in the requirements; report where neither is known",
  example: "/bin/sh: 1: gunicorn: not found",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NOT_FOUND), (line) => explain(line, { evidence, snapshot })),
};

interface Seen {
  readonly evidence: Evidence;
  readonly snapshot: ServiceSnapshot;
}

function explain(line: FoundLine, { evidence, snapshot }: Seen): Diagnosis | undefined {
  const called = nameIn(line);
  if (OF_A_PROBE.test(line.text) || isOfProbe(line, evidence)) return undefined;
  const place = placeOf(line, snapshot);
  // Its file is there: something else is wrong with it.
  if (place && fileCalled(place, called, snapshot)) return undefined;
  if (called.startsWith("/") && isMounted(called, snapshot)) return undefined;
  const command = called.startsWith("/") ? posix.basename(called) : called;
  return (place && mend({ line, called, command }, place, snapshot)) ?? absent(line, called);
}

interface Missing {
  readonly line: FoundLine;
  readonly called: string;
  readonly command: string;
}

function mend({ line, called, command }: Missing, place: Place, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const told = { entry: 20, signature: `command-missing:${called}`, lines: [line], verdict: "fix" as const };
  const cause = `the image has no command ${called}`;
  const python = pythonPackageOf(command);
  if (python !== undefined) return byPip({ ...told, cause }, python, { place, snapshot });
  const distribution = distributionOf(place.dockerfile, place.stage, snapshot);
  const name = packageOf(command, distribution);
  if (name === undefined || !isWhereInstalled(called)) return undefined;
  const { stage, before } = place;
  const text = installPackages(place.text, { stage: stage.index, packages: [name], distribution, ...(before !== undefined && { before }) });
  return mended({ ...told, cause, sure: "confirmed", remedy: `Installs the package ${name} (${distribution}).` }, snapshot, text);
}

function byPip(
  told: { readonly entry: number; readonly signature: string; readonly cause: string; readonly lines: readonly FoundLine[] },
  python: string,
  at: { readonly place: Place; readonly snapshot: ServiceSnapshot },
): Diagnosis {
  const required = requirePython(python, at);
  if (required.kind === "listed") {
    const remedy = "Build the image again, and look at PATH: a later stage needs /usr/local/bin of the one that installs it.";
    return reported({
      ...told,
      cause: `${told.cause}, though ${required.where} asks for ${python}`,
      sure: "likely",
      verdict: "report",
      remedy,
    });
  }
  if (required.kind === "refused")
    return reported({ ...told, sure: "likely", verdict: "report", remedy: `Install ${python}: ${required.why}.` });
  const verdict = required.unchecked === true ? "approve" : "fix";
  const made = reported({ ...told, sure: "confirmed", verdict, remedy: `Adds ${python} to what pip installs (${required.where}).` });
  return { ...made, remedy: required.remedy };
}

/** A path of its own that no package brings stays a path that is not there. */
function isWhereInstalled(called: string): boolean {
  return !called.includes("/") || /^\/(?:usr\/)?s?bin\//.test(called);
}

function absent(line: FoundLine, called: string): Diagnosis {
  const remedy = called.includes("/")
    ? `Copy ${called} into the image, or name a file that is there.`
    : `Install what ${called} comes with, or correct its name in CMD, ENTRYPOINT or RUN.`;
  return reported({
    entry: 20,
    signature: `command-missing:${called}`,
    cause: `the image has no ${called.includes("/") ? "file" : "command"} ${called}, and no package is known to bring it`,
    lines: [line],
    sure: "named",
    verdict: "report",
    remedy,
  });
}

function isOfProbe({ source, text }: FoundLine, { state }: Evidence): boolean {
  return source === "state" && (state?.health?.log ?? []).some(({ output }) => output.includes(text));
}
