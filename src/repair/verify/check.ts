import type { Clock } from "../../kernel/clock.ts";
import type { OnLine } from "../target.ts";

/** One thing that was looked at, and what came of it in the end; one sentence. */
export interface Check {
  readonly name: "container" | "healthcheck" | "http" | "app" | "signature";
  readonly ok: boolean;
  readonly detail: string;
}

/** What came of one look. */
export interface Look {
  readonly ok: boolean;
  readonly detail: string;
  /** Another one would come to the same. */
  readonly final?: boolean;
}

/** What every check is done with. */
export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onLine: OnLine;
}
