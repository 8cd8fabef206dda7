import { sourceOf } from "./evidence/collect.ts";
import { LOOKS_LIKE_ERROR } from "./evidence/passages.ts";
import type { ContainerState, Diagnosis, Evidence, EvidenceText } from "./finding.ts";
import type { ServiceSnapshot } from "./snapshot.ts";

const MAX_LINES = 50;
/** A tool says what is wrong, then for long how it is called, then that it failed. */
const FIRST_LINES = 5;
const LAST_LINES = 10;
const MAX_CHARS = 500;

export type Diagnose = (evidence: Evidence, snapshot: ServiceSnapshot) => readonly Diagnosis[];

/** It runs, or ended as one that has done its work; there may be none. */
export function isFine(state: ContainerState | undefined): boolean {
  if (!state) return true;
  const { status, exitCode, error, health, oomKilled } = state;
  if (error !== "" || oomKilled || health?.status === "unhealthy") return false;
  return status === "running" || status === "paused" || status === "created" || (status === "exited" && exitCode === 0);
}

/**
 * What may be wrong, the best explanation first. A build that fails now counts more than what was said elsewhere, or before: it is looked at alone, so
 * that the same fault in an old log does not hide it. What a container that runs well complains of is a fault only where it can be mended.
 */
export function suspects(evidence: Evidence, snapshot: ServiceSnapshot, diagnose: Diagnose): Diagnosis[] {
  const build = evidence.texts.filter(({ source }) => source === "build");
  const others: Evidence = { ...evidence, texts: evidence.texts.filter(({ source }) => source !== "build") };
  const ofBuild = build.length === 0 ? [] : diagnose({ texts: build }, snapshot);
  const rest = diagnose(others, snapshot).filter((one) => !(isFine(evidence.state) && isNoise(one)));
  const seen = new Set<string>();
  return [...ofBuild, ...rest].filter(({ finding: { signature } }) => !seen.has(signature) && seen.add(signature));
}

function isNoise({ finding }: Diagnosis): boolean {
  const isSaid = sourceOf(finding.evidence) === "container" || sourceOf(finding.evidence) === "state";
  return isSaid && (finding.verdict === "report" || finding.verdict === "retry");
}

/** What a person needs to see where nothing is known: `source:line: text`, and the state of the container. */
export function reportLines({ texts, state }: Evidence): string[] {
  const lines = texts.flatMap((text) => telling(text));
  return [...(state ? [`state: ${stateLine(state)}`] : []), ...lines].slice(0, MAX_LINES);
}

/** The first and last lines that look like errors, else the last of all. */
function telling({ source, lines, firstLine, failing }: EvidenceText): string[] {
  const numbered = lines.map((text, at) => ({ text, number: firstLine + at })).filter(({ text }) => text.trim() !== "");
  const errors = numbered.filter(({ text }) => LOOKS_LIKE_ERROR.test(text));
  const shown =
    errors.length === 0 ? numbered.slice(-LAST_LINES) : errors.filter((_, at) => at < FIRST_LINES || at >= errors.length - LAST_LINES);
  const step = failing && source === "build" ? [`${source}: failed at ${failing.instruction.slice(0, MAX_CHARS)}`] : [];
  return [...step, ...shown.map(({ text, number }) => `${source}:${number}: ${text.slice(0, MAX_CHARS)}`)];
}

function stateLine({ status, exitCode, oomKilled, error, restartCount, health }: ContainerState): string {
  const facts = [
    `the container is ${status}`,
    status === "running" ? "" : `exit code ${exitCode}`,
    oomKilled ? "killed for want of memory" : "",
    restartCount > 0 ? `restarted ${restartCount} times` : "",
    health && health.status !== "none" ? health.status : "",
    error.slice(0, MAX_CHARS),
  ];
  return facts.filter((fact) => fact !== "").join(", ");
}
