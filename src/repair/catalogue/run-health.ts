import { installPackages } from "../dockerfile/install.ts";
import { distributionOf } from "../dockerfile/locate.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { packageOf } from "./run-commands.ts";
import { placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

/** Docker's own words for a probe it could not start (exit code -1). */
const EXEC_FAILED = /OCI runtime exec failed.{0,500}exec: "([\w./+-]{1,200})": (?:executable file not found|stat )/;
const SHELL: readonly RegExp[] = [
  /^(?:\/bin\/)?(?:ba|da|a)?sh: (?:(?:line )?\d{1,6}: )?([\w./+-]{1,200}): (?:command )?not found/,
  /^([\w./+-]{1,200}): (?:command )?not found$/,
];

export const HEALTHCHECK_TOOL_MISSING: Entry = {
  id: 25,
  slug: "healthcheck-tool-missing",
  title: "The healthcheck calls a command that is not in the image",
  verdicts: "fix: the package it is in; report where none is known",
  example: 'OCI runtime exec failed: … exec: "curl": executable file not found in $PATH: unknown',
  match: (evidence, snapshot) =>
    firstOf([...latestLike(evidence, [EXEC_FAILED]), ...latestLike(evidence, SHELL).filter((line) => isOfProbe(line, evidence))], (line) =>
      explain(line, snapshot),
    ),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const command = nameIn(line).replace(/^\/(?:usr\/)?bin\//, "");
  const told = {
    entry: 25,
    signature: `healthcheck-tool-missing:${command}`,
    cause: `the healthcheck calls ${command}, which the image does not have`,
    lines: [line],
  };
  const place = placeOf({ source: "state" }, snapshot);
  const distribution = place && distributionOf(place.dockerfile, place.stage, snapshot);
  const name = distribution && packageOf(command, distribution);
  const text =
    place && distribution && name !== undefined
      ? installPackages(place.text, { stage: place.stage.index, packages: [name], distribution })
      : undefined;
  return (
    mended({ ...told, sure: "confirmed", verdict: "fix", remedy: `Installs the package ${name} (${distribution}).` }, snapshot, text) ??
    reported({
      ...told,
      sure: "named",
      verdict: "report",
      remedy: `Let the healthcheck call something the image has, or install ${command}.`,
    })
  );
}

function isOfProbe({ source, text }: FoundLine, { state }: Evidence): boolean {
  return source === "state" && (state?.health?.log ?? []).some(({ output }) => output.includes(text));
}
