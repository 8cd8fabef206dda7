import type { Json, JsonObject } from "../kernel/event.ts";
import { ERROR_CODES, messageOf, OrcoError } from "../kernel/errors.ts";
import { machine } from "../kernel/machine.ts";

/**
 * A run gets something done. Every change to the system is one.
 *
 *            admit             begin              finish
 *   (new) ──────────▶ queued ──────────▶ running ──────────▶ completed
 *                       │                   │  fail ───────▶ failed
 *                       └───── cancel ──────┴──────────────▶ cancelled
 *
 * `running` also covers a run that a new daemon has resumed (its settled steps are replayed, the others run again) and one that
 * unwinds (`unwinding` on its row): that one only undoes, whoever resumes it.
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
  /** Within its lane, the higher ones first; 0 where absent. */
  readonly priority?: number;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Somebody wants it to end: no step begins any more, in any daemon. */
  readonly cancelling?: RunError;
  /** Its steps are being undone; `error` is why, `by` how it will end if all undos succeed. */
  readonly unwinding?: Unwinding;
  readonly error?: RunError;
  readonly result?: Json;
}

export interface Unwinding {
  readonly by: "fail" | "cancel";
  readonly error: RunError;
}

/**
 *   (new) ─ begin ─▶ running ─ finish ─▶ completed ─┐
 *     │                 └───── fail ───▶ failed ────┤
 *     ├─ wait ─▶ waiting ─ finish, fail ─▶ as above ├─ undo ─▶ undoing ─ undone ──▶ undone
 *     └─ deliver ─▶ delivered ─ finish, fail ─▶     ┘             └───── spoil ───▶ undo_failed
 *                      └─ wait ─▶ waiting
 *
 * `delivered`: answered before anybody waited, or while nobody could (the run was not resumed yet).
 */
export const STEP = machine(
  {
    new: { begin: "running", wait: "waiting", deliver: "delivered" },
    running: { begin: "running", finish: "completed", fail: "failed", undo: "undoing" },
    waiting: { wait: "waiting", deliver: "delivered", finish: "completed", fail: "failed" },
    delivered: { finish: "completed", fail: "failed", wait: "waiting" }, // a signal is no approval: it is asked for all the same
    completed: { undo: "undoing", fail: "failed" }, // a void approval fails after it was given
    failed: { undo: "undoing" },
    undoing: { undo: "undoing", undone: "undone", spoil: "undo_failed" },
    undone: {},
    undo_failed: {},
  },
  "step",
);

export type StepStatus = Exclude<(typeof STEP.states)[number], "new">;
export type StepEvent = Parameters<typeof STEP.next>[1];

/** A step as it is stored: plain JSON in `run_steps.row`. */
export interface StepRow {
  readonly name: string;
  readonly status: StepStatus;
  /** For people: why it failed, or why its undo did. */
  readonly detail?: string;
  /** What it returned; of an answered wait the value. Kept while it is undone. */
  readonly result?: Json;
  /** With what it failed: a replay fails with the same. Kept while it is undone. */
  readonly error?: RunError;
  /** It has an undo. */
  readonly undoable?: boolean;
  readonly waiting?: StepWait;
}

/** What a step waits for, kept when it has been answered. Times are epoch ms. */
export interface StepWait {
  readonly kind: "wait" | "approval";
  readonly summary: string;
  readonly since: number;
  readonly expiresAt?: number;
  readonly content?: JsonObject;
  readonly contentHash?: string;
  readonly roles?: readonly string[];
}

export function runError(error: unknown): RunError {
  if (error instanceof OrcoError) return { code: error.code, message: error.message, facts: error.facts as JsonObject };
  return { code: "internal", message: messageOf(error) };
}

export function asThrown({ code, message, facts = {} }: RunError): OrcoError {
  return new OrcoError(ERROR_CODES.find((known) => known === code) ?? "internal", message, facts);
}
