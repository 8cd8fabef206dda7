import { semver } from "bun";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { withBaseTag } from "./base-tag.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const OLD_OPENSSL = /error:0308010C:digital envelope routines|\bERR_OSSL_EVP_UNSUPPORTED\b/;
const ENGINE: readonly RegExp[] = [
  /\bnpm (?:ERR!|error) code (EBADENGINE)\b/,
  /\berror [^\s:]{1,200}: The engine "node" is incompatible with this module\. Expected version "([^"]{1,100})"/,
  /\b(ERR_PNPM_UNSUPPORTED_ENGINE)\b/,
];
/** How far behind its code npm and pnpm tell what they want. */
const DETAIL_LINES = 20;
/** The last that is known of each line with long support; their tags are there. */
const NODES = ["14.21.3", "16.20.2", "18.20.8", "20.19.5", "22.20.0", "24.11.0"];

/** Entry 17: a program for an older OpenSSL than this Node has. */
export const NODE_OPENSSL: Entry = {
  id: 17,
  slug: "node-openssl",
  title: "The program wants hashes that OpenSSL 3 no longer gives",
  verdicts: "approve: the last Node with OpenSSL 1.1 as base image; report where the base is no image of Node",
  example: "Error: error:0308010C:digital envelope routines::unsupported",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [OLD_OPENSSL]), (line) => openssl(line, snapshot)),
};

/** Entry 17: another version of Node is wanted. */
export const NODE_ENGINE: Entry = {
  id: 17,
  slug: "node-engine",
  title: "The program or a package wants another version of Node",
  verdicts: "approve: the next version of Node with long support that suits, as base image; report where none is known",
  example: "npm error code EBADENGINE",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, ENGINE), (line) => engine(line, snapshot)),
};

function openssl(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const told = {
    entry: 17,
    signature: "node-openssl:md4",
    lines: [line],
    cause: "the program uses a hash that this Node's OpenSSL 3 no longer has",
  };
  const advice = "Update the bundler (webpack 5.61 or later), or run with NODE_OPTIONS=--openssl-legacy-provider.";
  return retagged(told, { line, snapshot, version: "16", advice });
}

function engine(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const wanted = wantedIn(line);
  const told = {
    entry: 17,
    signature: `node-engine:${wanted ?? "node"}`.slice(0, 200),
    lines: [line],
    cause: `a version of Node is wanted that the image does not have${wanted === undefined ? "" : `: ${wanted}`}`,
  };
  const current = Number(
    /(?:"node":"v?|Got "|Got: v?)(\d+)/.exec([line.text, ...line.lines.slice(line.at, line.at + DETAIL_LINES)].join("\n"))?.[1] ?? 0,
  );
  const fitting = wanted === undefined ? [] : NODES.filter((version) => semver.satisfies(version, wanted));
  const chosen = fitting.find((version) => Number.parseInt(version, 10) > current) ?? fitting.at(-1);
  return retagged(told, {
    line,
    snapshot,
    version: chosen?.split(".")[0],
    advice: "Use a base image with that version, or a version of the package for this one.",
  });
}

interface Wanted {
  readonly line: FoundLine;
  readonly snapshot: ServiceSnapshot;
  readonly version: string | undefined;
  readonly advice: string;
}

function retagged(
  told: { entry: number; signature: string; cause: string; lines: readonly FoundLine[] },
  { line, snapshot, version, advice }: Wanted,
): Diagnosis {
  const place = placeOf(line, snapshot);
  const tag = place && version !== undefined ? withBaseTag("node", version, { place, snapshot }) : undefined;
  if (!tag || tag.from === tag.to) return reported({ ...told, sure: "named", verdict: "report", remedy: advice });
  const { finding } = reported({
    ...told,
    sure: "likely",
    verdict: "approve",
    remedy: `Builds on ${tag.to} instead of ${tag.from}. Or: ${advice}`,
  });
  return { finding, remedy: { kind: "edits", edits: [tag.edit] } };
}

function wantedIn({ groups, lines, at }: FoundLine): string | undefined {
  const said = groups[1] ?? "";
  if (said !== "EBADENGINE" && said !== "ERR_PNPM_UNSUPPORTED_ENGINE") return said;
  const details = lines
    .slice(at, at + DETAIL_LINES)
    .map((line) => /Required: \{.*"node":"([^"]{1,100})"|Expected version: ([^\s(]{1,100})/.exec(line));
  const found = details.find((one) => one !== null);
  return found?.[1] ?? found?.[2];
}
