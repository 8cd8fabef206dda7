import type { LogLine } from "../ports.ts";
import type { StoredLine } from "./line.ts";

/** Outputs of executions whose place is known; the longest unused go first, and ended ones with them. */
const MAX_PLACES = 1024;

type Place = readonly [step: string, attempt: number, source: LogLine["source"], offset: number];

/** How far into each output of each execution a log reaches, so that a line told again is known. */
export class Taken {
  private readonly places = new Map<string, Place>();

  /** False when it is there already. */
  take({ step, attempt, source, offset }: Pick<LogLine | StoredLine, "step" | "attempt" | "source" | "offset">): boolean {
    if (offset === undefined) return true;
    const key = `${step} ${attempt} ${source}`;
    const known = this.places.get(key);
    if (known && offset <= known[3]) return false;
    this.places.delete(key);
    this.places.set(key, [step, attempt, source, offset]);
    const [oldest] = this.places.keys();
    if (this.places.size > MAX_PLACES && oldest !== undefined) this.places.delete(oldest);
    return true;
  }

  /** For the head of a segment, so that nobody has to read the ones before it; empty when there is nothing to say. */
  encode(): string {
    return this.places.size === 0 ? "" : `${JSON.stringify({ places: [...this.places.values()] })}\n`;
  }

  /** From a line that `encode` made; anything else is passed over. */
  decode(line: string): void {
    if (!line.startsWith('{"places":')) return;
    for (const [step, attempt, source, offset] of placesIn(line)) this.take({ step, attempt, source, offset });
  }
}

function placesIn(line: string): readonly Place[] {
  try {
    return (JSON.parse(line) as { places: Place[] }).places;
  } catch {
    return []; // damaged by a crash of the machine: then lines told again are there twice
  }
}
