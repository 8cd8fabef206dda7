import type { JsonObject } from "../kernel/event.ts";
import type { Plan } from "./plan.ts";
import type { LogLine } from "./ports.ts";
import type { NewCheckpoint, RunRecord, StepChange, StepState } from "./record.ts";

/** What a worker and the daemon say to each other, below `/runs/{runId}/`; every request but the claim carries the run's token. Types only. */

/** `POST claim`. */
export interface ClaimRequest {
  readonly worker: string;
  /** Of a run of mode redis: the dispatch number that came with the job. Without it such a run is `not_external`, with an old one `stale_attempt`. */
  readonly dispatch?: number;
}

/** `POST claim {worker, dispatch?}`: the run is this worker's until its lease ends. 409 `not_external`, `busy` (held by another; facts: worker, retry_after_s). */
export interface ClaimReply {
  readonly runId: string;
  readonly attempt: number;
  readonly token: string;
  readonly lease_ms: number;
  readonly run: Omit<RunRecord, "tokenHash">;
  /** Absent: the worker knows itself what is to be done. */
  readonly plan?: Plan;
  readonly input: JsonObject;
  /** As former attempts left them. */
  readonly steps: readonly StepState[];
  /** For `seen` of the first heartbeat. */
  readonly seen: number;
}

/** `POST heartbeat`. With `wait_ms` (at most 10,000) it is answered when somebody else changes the run, or then. */
export interface HeartbeatRequest {
  readonly seen?: number;
  readonly wait_ms?: number;
  /** The worker leaves: the run waits for another one from now on, instead of when the lease has run out. */
  readonly release?: boolean;
}

export interface HeartbeatReply {
  readonly lease_ms: number;
  readonly cancel_requested: boolean;
  readonly paused: boolean;
  /** Counts what others changed: approvals, signals, pause. */
  readonly seen: number;
  /** The steps that changed since `seen` of the request. */
  readonly steps: readonly StepState[];
}

/** `POST report`: one transaction; 409 from a stale attempt. */
export interface ReportRequest {
  /** Counts the reports of this attempt, from 1. One that is on disk already (its answer was lost) is acknowledged again and not recorded twice. */
  readonly n?: number;
  readonly changes?: readonly StepChange[];
  readonly checkpoints?: readonly NewCheckpoint[];
}

export interface ReportReply {
  /** None for a report that was on disk already. */
  readonly checkpoint_ids: readonly string[];
}

/** `POST logs`. */
export interface LogsRequest {
  readonly lines: readonly LogLine[];
}

/** `GET steps/{step}/checkpoint`: the last one; 404 when there is none. */
export interface LastCheckpointReply {
  readonly data: unknown;
}
