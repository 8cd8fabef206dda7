import type { Clock } from "../../kernel/clock.ts";
import type { Queryable } from "../../kernel/rows.ts";
import type { Dispatcher, LogLine } from "../ports.ts";
import type { RunRecord } from "../record.ts";
import type { RequestChecks } from "../request.ts";

export interface BookOptions {
  readonly journal: Queryable;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onError: (error: unknown) => void;
  /** Of a worker that says nothing. */
  readonly leaseMs: number;
  /** That this daemon drives at once. */
  readonly maxRuns: number;
  /** `runTokenSecret` of this home. */
  readonly tokenSecret: string;
  readonly checks: RequestChecks;
  /** Modes whose engine this daemon has. Of k8s only `assertAvailable` is asked: its runs are driven here. */
  readonly dispatchers: { readonly redis?: Dispatcher; readonly k8s?: Pick<Dispatcher, "assertAvailable"> };
  /** A run of mode local or k8s has begun, or was under way when the daemon started: it is to be driven, through `Book.ledger`. */
  readonly onDrive: (run: RunRecord) => void;
  readonly onEnd: (run: RunRecord) => void;
  /** Lines for the log of a run. */
  readonly onLog: (run: string, lines: readonly LogLine[]) => void;
}
