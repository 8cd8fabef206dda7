import type { ContainerState, Evidence, EvidenceText, Source } from "../finding.ts";
import type { Inspection } from "../target.ts";
import { LogReader, type ReadLog, textsOf } from "./log-reader.ts";

/** How many of the last probes of docker's healthcheck are looked at; docker keeps five. */
const MAX_PROBES = 5;

export interface Collected {
  /** Lines of the request, raw or read. */
  readonly given?: readonly string[] | ReadLog;
  /** Of a trial build that failed; one that passed tells nothing. */
  readonly build?: ReadLog;
  readonly inspection?: Pick<Inspection, "logs" | "state">;
  /** Takes secrets out of a line. */
  readonly mask?: (line: string) => string;
}

/** All that can be read, the most telling first. */
export function collect({ given, build, inspection, mask = (line) => line }: Collected): Evidence {
  const state = inspection?.state;
  const texts = [
    ...(given === undefined ? [] : textsOf(Array.isArray(given) ? readLines(given) : (given as ReadLog), "given")),
    ...(build === undefined ? [] : textsOf(build, "build")),
    ...textsOf(readLines(inspection?.logs ?? []), "container"),
    ...(state === undefined ? [] : textsOf(readLines(stateLines(state)), "state")),
  ];
  return { texts: texts.map((text) => masked(text, mask)), ...(state !== undefined && { state: maskedState(state, mask) }) };
}

export function readLines(lines: readonly string[]): ReadLog {
  const reader = new LogReader();
  for (const line of lines) reader.line(line);
  return reader.end();
}

/** The source of a finding, from its first evidence line. */
export function sourceOf(evidence: readonly string[]): Source | undefined {
  return /^(given|build|container|state):/.exec(evidence[0] ?? "")?.[1] as Source | undefined;
}

/** What docker says of a container that does not run, and what its healthcheck answered. */
function stateLines({ error, health }: ContainerState): string[] {
  const probes = (health?.log ?? []).slice(-MAX_PROBES).filter(({ exitCode }) => exitCode !== 0);
  return [error, ...probes.map(({ output }) => output)].flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "");
}

function masked(text: EvidenceText, mask: (line: string) => string): EvidenceText {
  const { lines, failing } = text;
  return { ...text, lines: lines.map(mask), ...(failing && { failing: { ...failing, instruction: mask(failing.instruction) } }) };
}

function maskedState(state: ContainerState, mask: (line: string) => string): ContainerState {
  const { health } = state;
  const log = (health?.log ?? []).map((probe) => ({ ...probe, output: mask(probe.output) }));
  return { ...state, error: mask(state.error), ...(health && { health: { ...health, log } }) };
}
