import type { Json, JsonObject } from "../kernel/event.ts";
import type { RunError } from "../workflow/run.ts";
import type { Plan, PlanStep } from "./plan.ts";
import type { NewCheckpoint, RunRecord, StepChange, StepState } from "./record.ts";

/**
 * How the parts of durable runs meet.
 *
 *   http, schedules ──▶ Book ──▶ journal            the one writer of runs: admits, records, fences, ends
 *                        │ ▲
 *          snapshot, told│ │ record (StepChange…)
 *                        ▼ │
 *                      Driver ──▶ StepRunner         decide (pure) → effects; in the daemon for local and k8s, in `orco worker` for redis
 */

/** Everything about one run at one moment; `decide` is a pure function of it. */
export interface Snapshot {
  readonly run: RunRecord;
  readonly plan: Plan;
  readonly input: JsonObject;
  readonly steps: ReadonlyMap<string, StepState>;
}

/** What a driver needs of the run it drives; in the daemon the book, in a worker the API of the daemon. All reject with `conflict` once it may not write any more. */
export interface Ledger {
  snapshot(): Snapshot;
  /**
   * Several transitions and checkpoints as one transaction; resolves when they are on disk, and then `snapshot` has them. `conflict` with a fact `step`:
   * somebody else ended that step meanwhile (an approval, a signal); nothing is recorded, and the driver decides anew.
   */
  record(changes: readonly StepChange[], checkpoints?: readonly NewCheckpoint[]): Promise<void>;
  finish(end: RunFinish): Promise<void>;
  /** The last transitions and the end as one transaction; a ledger whose answers may be lost on the way has it not. */
  finishWith?(changes: readonly StepChange[], end: RunFinish): Promise<void>;
  /** Calls `fn` after somebody else has changed the run: cancelled, paused, resumed, approved, signalled. Returns how to stop. */
  onChange(fn: () => void): () => void;
  /** Data of the step's last checkpoint, whatever its execution. */
  lastCheckpoint(step: string): Promise<Json | undefined>;
  /** Lines of the run's log. Best effort after the run has ended. */
  log(lines: readonly LogLine[]): void;
}

export type RunFinish =
  | { readonly status: "completed"; readonly result?: Json }
  | { readonly status: "failed"; readonly error: RunError; readonly result?: Json }
  | { readonly status: "canceled"; readonly reason: string };

export interface LogLine {
  /** Epoch ms. */
  readonly at: number;
  readonly step: string;
  readonly attempt: number;
  readonly source: "stdout" | "stderr" | "orco";
  readonly level?: string;
  readonly message: string;
  /** Bytes of its source up to and with this line, where it was read from one: a log drops what it has already, so a line told again after a crash is there once. */
  readonly offset?: number;
}

/** One execution of a step, every `${…}` in it resolved. */
export interface StepExecution {
  readonly run: string;
  /** `id` or `id[3]`. */
  readonly step: string;
  readonly spec: PlanStep;
  /** Execution number of the step, from 1. */
  readonly attempt: number;
  /** ORCO_INPUT: the run's input. */
  readonly input: JsonObject;
  /** Data of the last checkpoint, when the step is executed again: ORCO_RESUME. */
  readonly resume?: Json;
  /** ORCO_API_URL and ORCO_RUN_TOKEN. */
  readonly api?: { readonly url: string; readonly token: string };
  /** Names this execution for `adopt`; chosen by the driver before it starts, stored in the step's row with its `begin`. */
  readonly execution: string;
  /** Bytes of stdout that a former driver has recorded already. */
  readonly consumed: number;
  /** W3C trace context of the step. */
  readonly traceparent?: string;
}

/** What an execution says while it runs. The runner waits for each before it goes on reading: what is acknowledged is on disk. */
export interface StepOutput {
  /** `consumed`: bytes of stdout up to and with this one. */
  checkpoint(checkpoint: {
    readonly data?: Json;
    readonly name?: string;
    readonly type?: string;
    readonly consumed?: number;
  }): Promise<void>;
  output(data: JsonObject, consumed?: number): Promise<void>;
  progress(progress: { readonly percent?: number; readonly message?: string }): void;
  log(line: Omit<LogLine, "step" | "attempt">): void;
  /** It is alive, though it says nothing. */
  heartbeat(): void;
}

export type StepEnd =
  | { readonly kind: "completed"; readonly outputs?: JsonObject }
  | { readonly kind: "failed"; readonly error: RunError; /** Trying again is no use. */ readonly final?: boolean }
  /** `message`: where it was not as it should be. */
  | { readonly kind: "canceled"; readonly message?: string }
  /** Nobody's fault: evicted, machine restarted. Executed again without spending a retry. */
  | { readonly kind: "lost"; readonly message: string };

export interface StepHandle {
  /** Never rejects. After every output has been taken. */
  readonly ended: Promise<StepEnd>;
  /** SIGTERM to the tree, SIGKILL after `graceMs`. Idempotent; a shorter grace hurries. */
  stop(why: "cancel" | "timeout", graceMs: number): void;
  /** Its end is on disk: what this execution left behind (a container, files) may go now instead of at `forget`. Never throws. */
  release?(): void;
}

/** Runs steps somewhere. Implementations: processes, containers and requests of this machine (`local/`), Kubernetes Jobs (`k8s/`). */
export interface StepRunner {
  /** Never rejects: what cannot be started has failed. Steps with `approval` or `wait_for` never come here. */
  start(execution: StepExecution, output: StepOutput): Promise<StepHandle>;
  /** Finds what a former driver started; undefined when it is gone or never was. */
  adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined>;
  /** The run has ended: what is left of it on disk or elsewhere may go. */
  forget(run: string): Promise<void>;
}

/** Hands pending runs of a mode to someone else's engine (redis). The book tells it; it never writes runs itself. */
export interface Dispatcher {
  /** Throws `unavailable` (facts: retry_after_s) when new runs cannot be taken now. */
  assertAvailable(): void | Promise<void>;
  /** A run is on disk, pending, with a new `dispatch` number. Idempotent by (id, dispatch). */
  dispatch(run: RunRecord): void;
  /** It has ended or is paused: nobody needs to start it any more. */
  withdraw(run: RunRecord): void;
}
