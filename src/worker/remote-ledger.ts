import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { Plan } from "../runs/plan.ts";
import type { Ledger, LogLine, RunFinish, Snapshot } from "../runs/ports.ts";
import { type NewCheckpoint, type RunRecord, STEP, type StepChange, type StepState } from "../runs/record.ts";
import { applyChange } from "../runs/step-change.ts";
import type { ClaimReply, HeartbeatReply } from "../runs/worker-wire.ts";
import { insist } from "./insist.ts";
import { Lease } from "./lease.ts";
import { LogBatch } from "./log-batch.ts";
import { isOfOneStep, Reports } from "./reports.ts";
import type { RunApi } from "./run-api.ts";

interface RemoteLedgerOptions {
  readonly claim: ClaimReply & { readonly plan: Plan };
  /** Monotonic ms when the claim was sent. */
  readonly since: number;
  readonly api: RunApi;
  readonly clock: Clock;
  /** Something was lost that nobody waits for. */
  readonly onError: (error: unknown) => void;
}

const CANCELED = Symbol("the run was cancelled");

/** The last moments of a run's log are not worth more. */
const LAST_LINES_MS = 2000;

/** The ledger of a run whose book is elsewhere: this attempt's view of it, written through the API of the daemon. */
export class RemoteLedger implements Ledger {
  private run: RunRecord;
  private readonly steps: Map<string, StepState>;
  private readonly listeners = new Set<() => void>();
  private readonly lease: Lease;
  private readonly reports: Reports;
  private readonly lines: LogBatch;

  constructor(private readonly options: RemoteLedgerOptions) {
    const { claim, since, api, clock, onError } = options;
    this.run = claim.run;
    this.steps = new Map(claim.steps.map((step) => [step.id, step]));
    this.lease = new Lease({
      run: claim.runId,
      leaseMs: claim.lease_ms,
      since,
      seen: claim.seen,
      clock,
      heartbeat: (request, signal) => api.heartbeat(request, signal),
      onReply: (reply) => this.learn(reply),
    });
    const { signal } = this.lease;
    this.reports = new Reports({
      clock,
      signal,
      send: (request) => api.report(request, signal),
      onRecorded: (changes) => this.apply(changes),
    });
    this.lines = new LogBatch(clock, {
      send: (lines) => insist(clock, signal, () => api.logs({ lines }, signal)),
      onRefused: (error) => signal.aborted || onError(error),
    });
    signal.addEventListener("abort", () => this.tell(), { once: true });
  }

  /** Aborts, with a `conflict`, when this attempt may not write any more. */
  get lost(): AbortSignal {
    return this.lease.signal;
  }

  snapshot(): Snapshot {
    const { plan, input } = this.options.claim;
    return { run: this.run, plan, input, steps: this.steps };
  }

  /** Of a run that was cancelled nothing is on record any more, while its steps get their grace here. */
  async record(changes: readonly StepChange[], checkpoints: readonly NewCheckpoint[] = []): Promise<void> {
    if (!this.run.cancelling) {
      const refused = await this.fenced(this.reports.add(changes, checkpoints));
      if (refused !== CANCELED) return;
    }
    this.apply(changes);
  }

  async finish(end: RunFinish): Promise<void> {
    const { api, clock } = this.options;
    const { signal } = this.lease;
    const flushed = new AbortController();
    const patience = clock.sleep(LAST_LINES_MS, AbortSignal.any([signal, flushed.signal])).catch(() => undefined);
    await Promise.race([this.lines.flush(), patience]);
    flushed.abort();
    if (!this.run.cancelling) await this.fenced(insist(clock, signal, () => api.finish(end, signal)));
    this.close();
  }

  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => void this.listeners.delete(fn);
  }

  async lastCheckpoint(step: string): Promise<Json | undefined> {
    const { api, clock } = this.options;
    const { signal } = this.lease;
    const found = await this.fenced(insist(clock, signal, () => api.lastCheckpoint(step, signal)));
    return found === CANCELED ? undefined : found;
  }

  log(lines: readonly LogLine[]): void {
    if (!this.lease.signal.aborted) this.lines.add(lines);
  }

  /** After `close`: tells the daemon that another worker may have the run at once. Best effort, since its lease runs out anyway. */
  async handBack(): Promise<void> {
    const { api, clock } = this.options;
    const patience = new AbortController();
    const cancel = clock.after(LAST_LINES_MS, () => patience.abort());
    await api.heartbeat({ release: true }, patience.signal).catch(() => undefined);
    cancel();
  }

  /** Lets go of the run: nothing is written any more, and the lease runs out. */
  close(): void {
    this.lease.close(new OrcoError("conflict", `run ${this.run.id} has ended here`, { run: this.run.id }));
    this.lines.close();
    this.listeners.clear();
  }

  /** Passes the outcome on; a refusal of the whole attempt ends it, or, where the run was cancelled, begins its end. */
  private async fenced<T>(work: Promise<T>): Promise<T | typeof CANCELED> {
    try {
      return await work;
    } catch (error) {
      if (this.run.cancelling || (error instanceof OrcoError && error.code === "conflict" && error.facts["from"] === "canceled")) {
        this.cancel();
        return CANCELED;
      }
      if (!isOfOneStep(error) && this.lease.lostBy(error)) throw this.lease.signal.reason;
      throw error;
    }
  }

  private cancel(): void {
    if (this.run.cancelling) return;
    this.run = { ...this.run, cancelling: { reason: "canceled", force: false } };
    // It has ended: there is no lease that could be lost.
    this.lease.close();
    this.tell();
  }

  private apply(changes: readonly StepChange[]): void {
    const now = this.options.clock.now();
    for (const change of changes) {
      const before = this.steps.get(change.step);
      // Somebody else has ended it since the daemon took this.
      if (!hasEnded(before)) this.steps.set(change.step, applyChange(before, change, now));
    }
  }

  /** What others changed: of steps only ends, since an answer that was under way meanwhile must not take back what was recorded here. */
  private learn({ cancel_requested: cancelled, paused, steps }: HeartbeatReply): void {
    if (cancelled) return this.cancel();
    const before = this.run;
    if (paused !== (before.status === "paused")) this.run = { ...this.run, status: paused ? "paused" : "running" };
    const news = steps.filter(hasEnded);
    for (const step of news) this.steps.set(step.id, step);
    if (news.length > 0 || this.run !== before) this.tell();
  }

  private tell(): void {
    for (const fn of this.listeners) fn();
  }
}

function hasEnded(step: StepState | undefined): boolean {
  return step !== undefined && STEP.isFinal(step.status);
}
