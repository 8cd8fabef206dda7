import type { Bench } from "./bench.ts";

export interface Scenario {
  readonly id: number;
  readonly name: string;
  /** `document`: what the document asks of everybody. `orco`: what we ask beyond it; may be left out with a reason. */
  readonly level: "document" | "orco";
  /** `fresh`: nothing may have been deployed yet. `start`: the suite must have started the orchestrator itself. */
  readonly needs?: "fresh" | "start";
  readonly deadlineMs: number;
  /** Resolves with what is worth knowing beyond "ok". Throws `Mismatch`. */
  run(bench: Bench): Promise<string | undefined>;
}

export interface Result {
  readonly id: number;
  readonly name: string;
  readonly result: "ok" | "failed" | "skipped";
  readonly duration_ms: number;
  /** What was measured, what was expected and seen, or why it was left out. */
  readonly detail: string;
}
