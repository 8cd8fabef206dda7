import type { Json, JsonObject } from "../kernel/event.ts";
import { machine } from "../kernel/machine.ts";

/**
 * A run gets something done. Every change to the system is one.
 *
 *            admit             begin              finish
 *   (new) ──────────▶ queued ──────────▶ running ──────────▶ completed
 *                       │                   │  fail ───────▶ failed
 *                       └───── cancel ──────┴──────────────▶ cancelled
 *
 * `running` also covers a run that a new daemon has resumed: its completed steps are replayed, the others run again.
 */
export type RunStatus = "queued" | "running" | "completed" | "failed" | "cancelled";

/** The one transition table of runs; recovery folds the same. An illegal event throws `internal`. */
export const RUN = machine(
  {
    queued: { begin: "running", cancel: "cancelled", fail: "failed" },
    running: { begin: "running", finish: "completed", fail: "failed", cancel: "cancelled" },
    completed: {},
    failed: {},
    cancelled: {},
  },
  "run",
);

export function hasEnded(status: RunStatus): boolean {
  return RUN.isFinal(status);
}

export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly facts?: JsonObject;
}

/** A run as it is stored: plain JSON in `runs.row`. Times are epoch ms. */
export interface RunRow {
  readonly id: string;
  readonly kind: string;
  readonly lane: string;
  readonly status: RunStatus;
  readonly input: JsonObject;
  /** Who it is about, copied into every event: `{stack, service}`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly error?: RunError;
  readonly result?: Json;
}

export type StepStatus = "running" | "completed" | "failed" | "undone";

export interface StepRow {
  readonly name: string;
  readonly status: StepStatus;
  readonly detail?: string;
  readonly result?: Json;
}
