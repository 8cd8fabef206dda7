import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { Decision } from "../workflow/approval.ts";
import type { RunError } from "../workflow/run.ts";
import type { CheckpointView } from "../workflow/view.ts";
import { Control } from "./book/control.ts";
import { type CreateHow, Creation, type RetryHow } from "./book/create.ts";
import { Deadlines } from "./book/deadlines.ts";
import type { Desk } from "./book/desk.ts";
import { Gate } from "./book/gate.ts";
import { Leases } from "./book/leases.ts";
import { DrivenLedger } from "./book/ledger.ts";
import type { LiveRun } from "./book/live-run.ts";
import { LiveRuns } from "./book/live-runs.ts";
import { assertOpen, dispatchRun, endRun, hasEnded, isHeld, isRemote, requeueRun } from "./book/moves.ts";
import { Replacement } from "./book/replacement.ts";
import type { BookOptions } from "./book/options.ts";
import { type Caller, Workers } from "./book/workers.ts";
import { untilSettled } from "./book/until-settled.ts";
import type { Ledger } from "./ports.ts";
import type { NewCheckpoint, RunRecord } from "./record.ts";
import type { RunRequest } from "./request.ts";
import { BookStore } from "./store.ts";
import { RunTokens, tokenHash } from "./token.ts";

/** The one writer of plan runs: admits, records, fences, ends. What it answers is on disk. Every method throws `OrcoError`. */
export class Book {
  readonly workers: Workers;
  private readonly desk: Desk;
  private readonly control: Control;
  private readonly creation: Creation;
  private readonly replacement: Replacement;
  private readonly deadlines: Deadlines;

  constructor(private readonly options: BookOptions) {
    const { journal, clock, newId, onError, leaseMs, maxRuns, tokenSecret } = options;
    const store = new BookStore(journal);
    const tokens = new RunTokens(tokenSecret);
    const context = () => ({ now: Math.trunc(clock.now()), newId });
    const runs = new LiveRuns({ journal, store, context, onError }, (live, before) => this.followUp(live, before));
    const gate = new Gate({
      clock,
      maxRuns,
      onError,
      change: (id, make) => runs.change(id, make),
      drivenHash: (attempt) => tokenHash(tokens.driven(attempt)),
    });
    const leases = new Leases(clock, leaseMs, (run, attempt) => this.quietly(this.expire(run, attempt)));
    this.desk = { options, store, tokens, runs, gate, leases };
    this.deadlines = new Deadlines(clock, leaseMs, (run) => this.quietly(this.timeOut(run)));
    this.workers = new Workers(this.desk);
    this.control = new Control(this.desk);
    this.replacement = new Replacement(this.desk, this.control);
    this.creation = new Creation(this.desk, this.replacement);
  }

  /** Once, before everything else: goes on with what a former daemon left. Workers that held a run get a full lease again. */
  start(): void {
    const pending: { waiting: Parameters<Gate["restore"]>[0]; dispatch: number }[] = [];
    const driven: RunRecord[] = [];
    for (const found of this.desk.store.open()) {
      if ("waiting" in found) pending.push(found);
      else if (this.restore(found.run)) driven.push(found.run);
    }
    for (const { waiting, dispatch } of pending) if (dispatch > 0) this.desk.gate.restore(waiting, dispatch);
    for (const { waiting, dispatch } of pending) if (dispatch === 0) this.desk.gate.restore(waiting, dispatch);
    for (const run of this.desk.store.pendingWithTimeout()) this.deadlines.sync(run);
    for (const run of driven) this.drive(run);
    this.replacement.start();
    this.desk.gate.start();
  }

  /** The daemon leaves: nothing begins and nothing runs out any more. */
  close(): void {
    this.desk.gate.close();
    this.replacement.close();
    this.desk.leases.clear();
    this.deadlines.clear();
  }

  create(request: RunRequest, how: CreateHow): Promise<RunRecord> {
    return this.creation.create(request, how);
  }

  retry(id: string, how: RetryHow): Promise<RunRecord> {
    return this.creation.retry(id, how);
  }

  /** `not_found`. */
  get(id: string): RunRecord {
    return this.desk.runs.record(id);
  }

  /** Resolves with the run when it has ended, with `orWaiting` also when it waits for an approval. Rejects when `signal` aborts. `not_found`. */
  settled(id: string, signal?: AbortSignal, { orWaiting = false }: { orWaiting?: boolean } = {}): Promise<RunRecord> {
    return this.desk.runs.watching(id, (live) => untilSettled(live, signal, orWaiting));
  }

  cancel(id: string, how: { force?: boolean; reason?: string } = {}): Promise<RunRecord> {
    return this.control.cancel(id, how);
  }

  pause(id: string): Promise<RunRecord> {
    return this.control.pause(id);
  }

  resume(id: string): Promise<RunRecord> {
    return this.control.resume(id);
  }

  signal(id: string, name: string, data: Json): Promise<RunRecord> {
    return this.control.signal(id, name, data);
  }

  decide(id: string, decision: Decision): Promise<RunRecord> {
    return this.control.decide(id, decision);
  }

  checkpoint(id: string, checkpoint: NewCheckpoint, caller: Caller = {}): Promise<string> {
    return this.workers.checkpoint(id, checkpoint, caller);
  }

  /** Oldest first. `not_found`. */
  checkpoints(id: string, page: { after?: string; limit: number }): CheckpointView[] {
    this.get(id);
    return this.desk.store.checkpoints(id, page);
  }

  /** For the one driver in this daemon, of a run that `onDrive` named. `conflict` once it has ended. */
  ledger(id: string): Ledger {
    const run = this.get(id);
    assertOpen(run, "running");
    if (!isHeld(run) || isRemote(run)) throw new OrcoError("internal", `run ${id} is not driven by this daemon`, { run: id });
    return new DrivenLedger(this.desk, this.workers, id);
  }

  /** ORCO_RUN_TOKEN for the steps of a run that this daemon drives: the same one after a restart. */
  drivenToken({ id, attempt }: Pick<RunRecord, "id" | "attempt">): string {
    return this.desk.tokens.driven({ id, attempt });
  }

  /** A run that still waits with dispatch `from`, and whose turn it is, gets the next number; any other is left alone. */
  async redispatch(id: string, from: number): Promise<void> {
    await this.desk.runs.change(id, (draft) => {
      const { status, mode, dispatch } = draft.run;
      if (status === "pending" && mode === "redis" && dispatch === from && this.desk.gate.holds(id)) dispatchRun(draft);
    });
  }

  /** Whether the run is to be driven by this daemon. */
  private restore(run: RunRecord): boolean {
    this.follow(run, isHeld(run) ? this.desk.runs.keep(run) : undefined);
    return isHeld(run) && !isRemote(run);
  }

  /** One run that cannot be driven must not keep a daemon from starting, nor wait for a driver that never comes. */
  private drive(run: RunRecord): void {
    try {
      this.options.onDrive(run);
    } catch (cause) {
      this.options.onError(cause);
      const error = { code: "internal", message: `the run cannot be driven: ${messageOf(cause)}` };
      this.quietly(this.fail(run.id, error));
    }
  }

  /** What is in memory for a run follows what is on disk. Idempotent. */
  private follow(run: RunRecord, live: LiveRun | undefined): void {
    const { gate, leases } = this.desk;
    gate.sync(run, live !== undefined && countsOf(live));
    this.deadlines.sync(run);
    if (isHeld(run) && isRemote(run)) leases.grant(run.id, run.attempt);
    else leases.drop(run.id);
  }

  private followUp(live: LiveRun, before: RunRecord | undefined): void {
    const { run, ended } = live;
    if (before && isAlike(run, before) && this.desk.gate.counts(run.id) === countsOf(live)) return;
    this.follow(run, live);
    if (!before) return;
    const redis = run.mode === "redis" ? this.options.dispatchers.redis : undefined;
    if (hasEnded(run)) {
      ended.resolve(run);
      if (run.dispatch > 0) redis?.withdraw(run);
      this.options.onEnd(run);
    } else if (run.status === "pending" && run.dispatch > before.dispatch) redis?.dispatch(run);
    else if (run.status === "paused" && !isHeld(run) && run.dispatch > 0) redis?.withdraw(run);
    else if (run.attempt > before.attempt && !isRemote(run)) this.drive(run);
  }

  private async expire(id: string, attempt: number): Promise<void> {
    await this.desk.runs.change(id, (draft) => {
      // A heartbeat may have come while this waited for the disk.
      const isLost = isHeld(draft.run) && draft.run.attempt === attempt && this.desk.leases.left(id) === 0;
      if (isLost) requeueRun(draft);
    });
  }

  private async timeOut(id: string): Promise<void> {
    const { timeoutMs = 0 } = this.get(id);
    await this.fail(id, { code: "timeout", message: `run ${id} had not ended after its timeout of ${timeoutMs} ms` });
  }

  private async fail(id: string, error: RunError): Promise<void> {
    await this.desk.runs.change(id, (draft) => {
      if (hasEnded(draft.run)) return;
      draft.outside = true;
      endRun(draft, { status: "failed", error });
    });
  }

  private quietly(work: Promise<void>): void {
    work.catch(this.options.onError);
  }
}

/** Against the cap: who drives it has something to do. */
function countsOf(live: LiveRun): boolean {
  const { run } = live;
  return isHeld(run) && !isRemote(run) && run.status !== "paused" && !live.onlyWaits;
}

/** Nothing changed that its place, its lease or its engine depend on: most of what is recorded is checkpoints and steps. */
function isAlike(one: RunRecord, other: RunRecord): boolean {
  return one.status === other.status && one.tokenHash === other.tokenHash && one.dispatch === other.dispatch;
}
