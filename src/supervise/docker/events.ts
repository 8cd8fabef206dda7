import type { CallOptions, Engine } from "./engine.ts";
import { jsonLines } from "./json-lines.ts";

export interface DockerEvent {
  readonly Type: string;
  /** `create`, `start`, `die`, `oom`, `destroy`, … */
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  /** Epoch ns; beyond what a double holds exactly. */
  readonly timeNano: number;
}

export interface EventsOptions extends CallOptions {
  /** E.g. `{type: ["container"], label: ["orco.run"]}`. */
  readonly filters?: Readonly<Record<string, readonly string[]>>;
  /** Epoch seconds, with fractions; those from then on come first. */
  readonly since?: string;
}

/** What happens from now on, until the signal aborts or docker goes. */
export function dockerEvents(engine: Engine, { filters = {}, since, ...options }: EventsOptions = {}): AsyncGenerator<DockerEvent, void> {
  return jsonLines(engine.stream("GET", "/events", { ...options, query: { filters: JSON.stringify(filters), since } }));
}
