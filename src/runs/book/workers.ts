import { OrcoError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import type { LogLine, RunFinish } from "../ports.ts";
import type { NewCheckpoint, RunRecord, StepState } from "../record.ts";
import { MAX_RESULT_BYTES } from "../request.ts";
import { tokenHash } from "../token.ts";
import type { ClaimReply, HeartbeatReply, HeartbeatRequest, ReportReply, ReportRequest } from "../worker-wire.ts";
import type { Desk } from "./desk.ts";
import type { Draft } from "./draft.ts";
import type { LiveRun } from "./live-run.ts";
import { assertOpen, beginRun, endRun, handBack, hasEnded, isHeld, isRemote } from "./moves.ts";
import { addCheckpoint, assertStep, changeStep } from "./step-moves.ts";

const MAX_WAIT_MS = 10_000;
/** The answer has to be back before the lease ends. */
const WAIT_SHARE = 1 / 3;
/** A worker learns of a cancel with its next heartbeat, and then its steps have their grace. */
const LAST_WORDS_MS = 15 * 60_000;

/** Who sends a request. */
export interface Caller {
  readonly token?: string;
  /** The id of what the request makes; one that is there already is answered as it is. */
  readonly id?: string;
  /** Aborts when it has gone. */
  readonly signal?: AbortSignal;
}

export interface Claimer {
  readonly worker: string;
  /** Of the job that redis handed out. */
  readonly dispatch?: number;
}

/**
 * For who executes a run elsewhere. Everything but a claim is fenced by the token of the attempt: `unauthorized` (no token of this run),
 * `stale_attempt` (its lease ran out), `conflict` (facts: from, to) once the run has ended.
 */
export class Workers {
  constructor(private readonly desk: Desk) {}

  /** Whether it is or was a token of this run. */
  opens(id: string, token: string): boolean {
    try {
      return this.desk.tokens.opens(this.desk.runs.record(id), token);
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return false;
      throw error;
    }
  }

  /** `not_found`, `stale_attempt`, `unauthorized`. */
  fence(id: string, token: string): void {
    this.desk.tokens.assert(this.desk.runs.record(id), token);
  }

  /** `not_found`, `not_external`, `conflict`, `stale_attempt` (of a dispatch that is over), `busy` (held, or its lane is full; facts: retry_after_s). */
  async claim(id: string, claimer: Claimer | string): Promise<ClaimReply> {
    const { worker, dispatch } = typeof claimer === "string" ? { worker: claimer } : claimer;
    const { runs, tokens, leases } = this.desk;
    const { token, live } = await runs.change(id, (draft, live) => {
      const { run } = draft;
      this.assertClaimable(run, dispatch);
      const attempt = run.attempt + 1;
      const token = tokens.issue({ id, attempt });
      beginRun(draft, { attempt, tokenHash: tokenHash(token), worker });
      return { token, live };
    });
    const { tokenHash: _, ...run } = live.run;
    const { plan, input } = this.desk.store.content(id);
    const steps = [...live.stepMap.values()];
    return { runId: id, attempt: run.attempt, token, lease_ms: leases.leaseMs, run, ...(plan && { plan }), input, steps, seen: live.seen };
  }

  /** With `wait_ms`, when somebody else changes the run, or then. Of a run that was cancelled it says so instead of refusing. */
  async heartbeat(id: string, { seen, wait_ms: waitMs = 0, release = false }: HeartbeatRequest, caller: Caller): Promise<HeartbeatReply> {
    const { runs, leases } = this.desk;
    this.renew(runs.record(id), caller);
    if (release) assertRemote(runs.record(id));
    const live = await runs.change(id, (draft, live) => {
      this.assertBeating(draft.run, caller);
      if (release && !hasEnded(draft.run)) handBack(draft);
      return live;
    });
    if (release) return { lease_ms: 0, cancel_requested: false, paused: false, seen: live.seen, steps: [] };
    if (waitMs > 0 && seen === live.seen && !hasEnded(live.run))
      await runs.watching(id, () => this.changed(live, Math.min(waitMs, MAX_WAIT_MS, leases.leaseMs * WAIT_SHARE), caller.signal));
    this.assertBeating(live.run, caller);
    leases.renew(id);
    const { status } = live.run;
    return {
      lease_ms: leases.leaseMs,
      cancel_requested: status === "canceled",
      paused: status === "paused",
      seen: live.seen,
      steps: stepsSince(live, seen),
    };
  }

  async report(id: string, { n, changes = [], checkpoints = [] }: ReportRequest, caller: Caller): Promise<ReportReply> {
    this.renew(this.desk.runs.record(id), caller);
    return this.desk.runs.change(id, (draft, live) => {
      this.assertFenced(draft, caller);
      assertRemote(draft.run);
      if (n !== undefined && n <= (draft.run.reported ?? 0)) return { checkpoint_ids: [] };
      if (n !== undefined) draft.setRun({ ...draft.run, reported: n });
      for (const change of changes) {
        assertStep(draft, live.stepIds, change.step);
        changeStep(draft, change);
      }
      return { checkpoint_ids: checkpoints.map((checkpoint) => addCheckpoint(draft, checkpoint)) };
    });
  }

  /** Of a step's process or of anybody: without a token it is fenced by nothing but the end of the run. Returns its id. */
  async checkpoint(id: string, checkpoint: NewCheckpoint, caller: Caller): Promise<string> {
    return this.desk.runs.change(id, (draft) => {
      // It was recorded, and the answer lost: that the run has gone on since does not make it untrue.
      if (caller.id !== undefined && this.desk.store.hasCheckpoint(id, caller.id)) return caller.id;
      if (caller.token !== undefined) this.assertFenced(draft, caller);
      else assertOpen(draft.run, "running");
      return addCheckpoint(draft, checkpoint, caller.id);
    });
  }

  async finish(id: string, end: RunFinish, caller: Caller): Promise<RunRecord> {
    assertResultSize(end);
    return this.desk.runs.change(id, (draft) => {
      this.desk.tokens.assert(draft.run, caller.token);
      assertRemote(draft.run);
      assertOpen(draft.run, end.status);
      endRun(draft, end);
      return draft.run;
    });
  }

  /** Of a canceled run also what its steps say while they end. */
  log(id: string, lines: readonly LogLine[], caller: Caller): void {
    const run = this.desk.runs.record(id);
    this.desk.tokens.assert(run, caller.token);
    const { clock, onLog } = this.desk.options;
    if (run.status !== "canceled" || clock.now() - (run.endedAt ?? 0) > LAST_WORDS_MS) assertOpen(run, "running");
    onLog(id, lines);
  }

  /** Undefined when the step has none. */
  lastCheckpoint(id: string, step: string): Json | undefined {
    const { runs, store } = this.desk;
    const { kind } = runs.record(id);
    const state = store.step(id, step);
    if (state?.checkpoint !== undefined) return store.checkpoint(id, state.checkpoint)?.data ?? null;
    return state || kind === "plan" ? undefined : store.newestCheckpoint(id, step)?.data;
  }

  private assertClaimable(run: RunRecord, dispatch: number | undefined): void {
    const { id, kind, mode, status } = run;
    if (kind !== "external" && (mode !== "redis" || dispatch === undefined)) throw notExternal(run);
    assertOpen(run, "running");
    if (dispatch !== undefined && dispatch !== run.dispatch)
      throw new OrcoError("stale_attempt", `dispatch ${dispatch} of run ${id} is over`, {
        run: id,
        attempt: run.attempt,
        dispatch: run.dispatch,
      });
    if (isHeld(run)) {
      const left = Math.ceil(this.desk.leases.left(id) / 1000);
      throw new OrcoError("busy", `run ${id} is held by ${run.worker ?? "this daemon"}`, {
        run: id,
        worker: run.worker,
        retry_after_s: Math.max(1, left),
      });
    }
    if (status === "paused")
      throw new OrcoError("conflict", `run ${id} is paused: resume it first`, { run: id, from: status, to: "running" });
    this.desk.gate.assertTurn(run);
  }

  private assertFenced(draft: Draft, caller: Caller): void {
    this.desk.tokens.assert(draft.run, caller.token);
    assertOpen(draft.run, "running");
    // Progress: what was lost before does not count any more.
    if (draft.run.losses > 0) draft.setRun({ ...draft.run, losses: 0 });
  }

  private assertBeating(run: RunRecord, { token }: Caller): void {
    this.desk.tokens.assert(run, token);
    if (run.status !== "canceled") assertOpen(run, "running");
  }

  /** When it arrives, not when its turn has come: it lives. */
  private renew(run: RunRecord, { token }: Caller): void {
    this.desk.tokens.assert(run, token);
    this.desk.leases.renew(run.id);
  }

  private changed(live: LiveRun, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        stopTimer();
        stopListening();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const stopTimer = this.desk.options.clock.after(ms, done);
      const stopListening = live.onChange(done);
      signal?.addEventListener("abort", done, { once: true });
      if (signal?.aborted) done();
    });
  }
}

/** All of them for a count that is not of this attempt. */
function stepsSince(live: LiveRun, seen: number | undefined): readonly StepState[] {
  if (seen === live.seen) return [];
  if (seen === undefined || seen > live.seen || seen < live.firstSeen) return [...live.stepMap.values()];
  return [...live.touched].filter(([, at]) => at > seen).flatMap(([id]) => live.step(id) ?? []);
}

/**
 * The steps of a run that this daemon drives hold its token too, for what they have to say of themselves. What becomes of the run and of other steps
 * is not theirs to decide: one could approve itself.
 */
function assertRemote(run: RunRecord): void {
  if (!isRemote(run)) throw notExternal(run);
}

function notExternal({ id, mode }: RunRecord): OrcoError {
  return new OrcoError("not_external", `run ${id} is executed by orco (mode ${mode}): nobody else may claim or end it`, { run: id, mode });
}

export function assertResultSize(end: RunFinish): void {
  if (!("result" in end) || end.result === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(end.result));
  if (bytes > MAX_RESULT_BYTES)
    throw new OrcoError("too_large", `the result has ${bytes} bytes of JSON; ${MAX_RESULT_BYTES} is the most`, {
      max_bytes: MAX_RESULT_BYTES,
    });
}
