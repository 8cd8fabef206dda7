import { chainOf } from "../dockerfile/locate.ts";
import { replaceIn } from "../dockerfile/edit.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import { type Entry, type FoundLine, lastLike } from "./entry.ts";
import type { Copied } from "./run-copied.ts";
import { afterCopy } from "./run-entrypoint.ts";
import { fileCalled, isMounted, isPlainPath, type Place, placeOf, startedWith } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const FORMAT_ERROR: readonly RegExp[] = [
  /^exec (\S{1,200}): exec format error$/i,
  /exec: "([^"\s]{1,200})": exec format error/,
  /exec user process caused:? "?exec format error/,
  /^(?:\S{1,200}: (?:line )?\d{1,6}: )?(\/\S{1,200}): (?:cannot execute binary file: )?Exec format error$/i,
];
const OTHER_PLATFORM = /requested image's platform \((\S{1,60})\) does not match the detected host platform \((\S{1,60})\)/;
/** Nobody but bash understands these. */
const BASHISM = /\[\[|\bpipefail\b|^\s*function\s|\w=\(|<<</m;

export const SHEBANG_MISSING: Entry = {
  id: 21,
  slug: "shebang-missing",
  title: "A script does not say what runs it",
  verdicts: "fix: a first line by RUN sed after the COPY; none with `init: true`, where it is no error",
  example: "exec /entrypoint.sh: exec format error",
  match: (evidence, snapshot) =>
    snapshot.config.init ? undefined : firstOf(latestLike(evidence, FORMAT_ERROR), (line) => withFirstLine(line, snapshot)),
};

export const PLATFORM_MISMATCH: Entry = {
  id: 21,
  slug: "platform-mismatch",
  title: "The image or program is made for other processors",
  verdicts: "approve: FROM without --platform; report where the Dockerfile does not say so",
  example: "exec /bin/sh: exec format error",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, FORMAT_ERROR), (line) => ofAnotherPlatform(line, evidence, snapshot)),
};

/** The file the line is about, where it is a text of the service. */
function scriptOf(line: FoundLine, snapshot: ServiceSnapshot): { place: Place; copied: Copied; text: string } | undefined {
  const place = placeOf(line, snapshot);
  const named = nameIn(line);
  const called = place && named === "" ? startedWith(place, snapshot)[0] : named;
  if (!place || called === undefined || isMounted(called, snapshot)) return undefined;
  const copied = fileCalled(place, called, snapshot);
  const text = copied && snapshot.files.get(copied.path);
  return copied && text !== undefined && text.trim() !== "" && !text.includes("\0") ? { place, copied, text } : undefined;
}

function withFirstLine(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const script = scriptOf(line, snapshot);
  if (!script || !isPlainPath(script.copied.target) || script.text.startsWith("#!")) return undefined;
  const { place, copied, text } = script;
  const late = /^[^#]{0,200}?#!\//.test(text);
  const command = late
    ? `sed -i -e '/#!/,$!d' -e '1s/^[^#]*//' ${copied.target}`
    : `sed -i '1i ${firstLineFor(copied.path, text)}' ${copied.target}`;
  if (place.text.includes(command)) return undefined;
  return mended(
    {
      entry: 21,
      signature: `shebang-missing:${copied.target}`,
      cause: late
        ? `something stands in front of #! in ${copied.path}: the kernel does not take it for a script`
        : `${copied.path} has no first line that says what runs it`,
      lines: [line],
      sure: "confirmed",
      verdict: "fix",
      remedy: `Gives ${copied.target} a first line in the image; ${copied.path} stays as it is.`,
    },
    snapshot,
    afterCopy(place, copied, command),
  );
}

function firstLineFor(path: string, text: string): string {
  if (path.endsWith(".py")) return "#!/usr/bin/env python3";
  if (/\.[cm]?js$/.test(path)) return "#!/usr/bin/env node";
  return BASHISM.test(text) || path.endsWith(".bash") ? "#!/usr/bin/env bash" : "#!/bin/sh";
}

function ofAnotherPlatform(line: FoundLine, evidence: Evidence, snapshot: ServiceSnapshot): Diagnosis | undefined {
  if (scriptOf(line, snapshot)) return undefined;
  const place = placeOf(line, snapshot);
  const warned = lastLike(evidence, OTHER_PLATFORM);
  const from =
    place && chainOf(place.dockerfile, place.stage).find((stage) => stage.from.flags.some((flag) => flag.startsWith("--platform=")))?.from;
  const flag = from?.flags.find((one) => one.startsWith("--platform="));
  const told = {
    entry: 21,
    signature: `platform-mismatch:${warned?.groups[1] ?? flag?.slice("--platform=".length) ?? "unknown"}`,
    cause: `the program is made for other processors than this machine's${warned ? ` (${warned.groups[1]}, not ${warned.groups[2]})` : ""}`,
    lines: warned ? [line, warned] : [line],
  };
  const text = place && from && flag !== undefined ? replaceIn(place.text, from, [` ${flag}`, ""]) : undefined;
  const remedy = `Leaves ${flag} out of FROM, so that the image of this machine's processors is taken.`;
  return (
    mended({ ...told, sure: "likely", verdict: "approve", remedy }, snapshot, text) ??
    reported({
      ...told,
      sure: "guessed",
      verdict: "report",
      remedy:
        "Build for this machine: look at `platform:` in the compose file, at what the program was compiled for, and at the base image.",
    })
  );
}
