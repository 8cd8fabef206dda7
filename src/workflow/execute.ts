import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Json, JsonObject } from "../kernel/event.ts";
import { ActiveRun } from "./active.ts";
import { type Decision, stepToDecide } from "./approval.ts";
import type { Approval, Workflow, Workflows } from "./define.ts";
import { Execution, type RunEnd } from "./execution.ts";
import { Lanes } from "./lane.ts";
import { LateEnds, RETRY_MS } from "./late-ends.ts";
import { hasEnded, RUN, type RunRow, runError, type StepRow, type Unwinding } from "./run.ts";
import { Rest } from "./rest.ts";
import { untilAborted } from "./until-aborted.ts";
import type { RunStore, RunsWanted } from "./store.ts";

export interface RunRequest {
  readonly kind: string;
  readonly lane: string;
  readonly input: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly onBusy: "queue" | "reject";
  /** Higher ones of a lane begin first; 0 unless given. */
  readonly priority?: number;
  /** The id it has to have; one that is there already is returned as it is. */
  readonly id?: string;
}

export interface RunsOptions {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly workflows: Workflows;
  /** Why no run of this kind is admitted now. */
  readonly refusal?: (kind: string) => OrcoError | undefined;
  /** Epoch ms before which a run of this lane does not begin: it stays queued, and others of a higher priority may still go first. */
  readonly notBefore?: (run: Pick<RunRow, "kind" | "lane">) => number;
  readonly onError: (error: unknown) => void;
}

/** The run engine of one daemon: admits, drives, resumes and cancels runs. The only writer of run rows. */
export class Runs {
  private readonly active = new Map<string, ActiveRun>();
  private readonly lanes = new Lanes();
  private readonly rest: Rest;
  private readonly late: LateEnds;
  private abandoned = false;
  private readonly isAbandoned = (): boolean => this.abandoned;

  constructor(private readonly options: RunsOptions) {
    this.late = new LateEnds({ ...options, isAbandoned: this.isAbandoned });
    const { clock, notBefore } = options;
    this.rest = new Rest({ lanes: this.lanes, clock, notBefore, onWake: (run) => this.letGo(run) });
  }

  /** Admits a run and returns at once. `busy` (facts: run) when its lane is held and `onBusy` is "reject". */
  async submit(request: RunRequest): Promise<RunRow> {
    const { store, clock, newId } = this.options;
    const { onBusy, id = newId(), ...given } = request;
    const known = request.id === undefined ? undefined : this.options.store.get(id);
    if (known) return known;
    const refusal = this.options.refusal?.(request.kind);
    if (refusal) throw refusal;
    const row: RunRow = { ...given, id, status: "queued", createdAt: clock.now() };
    const admission = this.lanes.admit(row.lane, row.id, { onBusy, priority: row.priority ?? 0, rests: this.rest.rests(row) });
    if (admission.kind === "refuse") throw busy(row, admission.holder, admission.reason);
    const run = this.track(row, []);
    try {
      await store.save(row, "run.queued");
    } catch (error) {
      this.active.delete(row.id);
      this.passOn(row);
      throw error;
    }
    run.saved = true;
    if (this.lanes.holder(row.lane) === row.id) this.begin(run);
    else this.rest.wakeLater(row);
    return row;
  }

  /** Re-admits what a former daemon left: what ran holds its lane, the others wait as they waited. */
  resume(): void {
    // Nobody may hold the lane: then the first of them goes.
    const queued = this.options.store.withStatus("queued").toSorted((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
    for (const row of [...this.options.store.withStatus("running"), ...queued]) {
      const rests = row.status === "queued" && this.rest.rests(row);
      const admission = this.lanes.admit(row.lane, row.id, { onBusy: "resume", priority: row.priority ?? 0, rests });
      const run = this.track(row, this.options.store.steps(row.id));
      run.saved = true;
      if (admission.kind === "go") this.begin(run);
      else this.rest.wakeLater(row);
    }
  }

  /** Whether it is one of this engine. */
  knows(id: string): boolean {
    return this.active.has(id) || this.options.store.get(id) !== undefined;
  }

  get(id: string): RunRow {
    const row = this.active.get(id)?.row ?? this.late.get(id) ?? this.options.store.get(id);
    if (!row) throw new OrcoError("not_found", `there is no run ${id}`, { run: id });
    return row;
  }

  steps(id: string): readonly StepRow[] {
    return this.options.store.steps(id);
  }

  /** Newest first. */
  list(limit: number, wanted: RunsWanted = {}): readonly RunRow[] {
    return this.options.store.list(limit, wanted);
  }

  /** Runs under way that carry these labels. */
  underWay(labels: Readonly<Record<string, string>>): readonly RunRow[] {
    const wanted = Object.entries(labels);
    return [...this.active.values()].map((run) => run.row).filter((row) => wanted.every(([key, value]) => row.labels[key] === value));
  }

  /** Resolves with the run when it has ended, with `orWaiting` also while it waits for an approval; rejects only when `signal` aborts. `not_found`. */
  async settled(id: string, signal?: AbortSignal, { orWaiting = false }: { orWaiting?: boolean } = {}): Promise<RunRow> {
    const run = this.active.get(id);
    if (!run) return this.get(id);
    if (!orWaiting) return untilAborted(run.ended.promise, signal);
    const asked = Promise.withResolvers<void>();
    const forget = run.waits.onAsked(asked.resolve);
    try {
      return await untilAborted(Promise.race([run.ended.promise, asked.promise.then(() => run.row)]), signal);
    } finally {
      forget();
    }
  }

  /**
   * Cancels and resolves when the run has ended, undone. One that does not look at its signal any more may complete all the same; one that
   * unwinds already goes on. A run that has ended is `conflict`.
   */
  async cancel(id: string, why = "cancelled by request"): Promise<RunRow> {
    const run = this.underWayOrThrow(id);
    const cause = new OrcoError("cancelled", why, { run: id });
    if (run.row.status === "queued" && this.lanes.holder(run.row.lane) !== id) {
      run.controller.abort(cause);
      await this.end(run, { by: "cancel", error: runError(run.controller.signal.reason) });
      return run.ended.promise;
    }
    // On disk first, so that a daemon that dies now does not leave one that goes on; a full disk does not keep it from being cancelled.
    const intent = { cancelling: runError(cause) };
    await run
      .change((row) => (run.ending || hasEnded(row.status) || row.cancelling ? undefined : { change: intent, type: "run.cancelling" }))
      .catch(this.options.onError);
    run.controller.abort(cause);
    return run.ended.promise;
  }

  /**
   * Answers `waitFor(name)` of a run; resolves when the answer is on disk. It may come before the wait begins, or while the run is queued.
   * `not_found`; `conflict`: the run has ended or is ending, the step was answered before, its deadline is over, or it is no wait; `too_large`, `invalid`.
   */
  async deliver(id: string, name: string, value: Json): Promise<void> {
    const run = this.underWayOrThrow(id);
    const { status, waiting } = run.steps.get(name) ?? {};
    if (run.row.cancelling || run.row.unwinding || run.ending)
      throw new OrcoError("conflict", `run ${id} is ending`, { run: id, status: run.row.status });
    if (status === "waiting" && waiting?.kind === "approval")
      throw new OrcoError("conflict", `${name} of run ${id} waits for an approval`, { run: id, step: name });
    await run.waits.deliver(name, value);
  }

  /**
   * Decides an approval; resolves when the decision is on disk. `not_found`, `approval_not_applicable` (nothing waits, or it was decided, also by
   * somebody else at this moment), `approval_void` (facts: content_hash), `forbidden` (facts: roles), `invalid` (several wait: facts.steps).
   */
  async decide(id: string, decision: Decision): Promise<RunRow> {
    const run = this.active.get(id);
    const waiting = run ? run.steps.all().filter((row) => run.waits.takes(row)) : [];
    const row = stepToDecide(this.get(id).id, waiting, decision);
    const { step: _, content_hash: __, ...given } = decision;
    const approval: Approval = { ...given, at: this.options.clock.now(), content_hash: row.waiting?.contentHash ?? "" };
    await run?.waits.deliver(row.name, approval as unknown as Json);
    return this.get(id);
  }

  /** The daemon leaves: nothing more is written, and the next daemon resumes what is under way. */
  abandon(): void {
    this.abandoned = true;
    this.rest.close();
    for (const run of this.active.values()) run.controller.abort(new OrcoError("cancelled", "the daemon is stopping"));
  }

  private underWayOrThrow(id: string): ActiveRun {
    const run = this.active.get(id);
    if (run) return run;
    const row = this.get(id);
    throw new OrcoError("conflict", `run ${id} is over already: it ${row.status === "cancelled" ? "was cancelled" : `has ${row.status}`}`, {
      run: id,
      status: row.status,
    });
  }

  private track(row: RunRow, former: readonly StepRow[]): ActiveRun {
    const run = new ActiveRun(row, former, { ...this.options, isAbandoned: this.isAbandoned });
    this.active.set(row.id, run);
    return run;
  }

  private begin(run: ActiveRun): void {
    this.drive(run).catch(this.options.onError);
  }

  private async drive(run: ActiveRun): Promise<void> {
    const workflow = this.options.workflows[run.row.kind];
    const { signal } = run.controller;
    try {
      if (!workflow) throw new OrcoError("unsupported", `this version has no run of kind ${run.row.kind}`);
      if (run.row.status === "queued") signal.throwIfAborted();
      await run.change(({ status, startedAt = this.options.clock.now() }) => ({
        change: { status: RUN.next(status, "begin"), startedAt },
        type: "run.started",
      }));
      const end = await this.execution(run, workflow).go();
      if (!this.abandoned) await this.end(run, end);
    } catch (error) {
      if (!this.abandoned)
        await this.end(run, { by: signal.aborted ? "cancel" : "fail", error: runError(signal.aborted ? signal.reason : error) });
    }
  }

  private execution(run: ActiveRun, workflow: Workflow): Execution {
    const { clock, onError } = this.options;
    return new Execution({
      row: run.row,
      workflow,
      log: run.steps,
      waits: run.waits,
      clock,
      signal: run.controller.signal,
      progress: (message, data = {}) => run.progress.tell(message, data),
      releaseLane: () => this.passOn(run.row),
      beginUnwinding: (unwinding) => this.beginUnwinding(run, unwinding),
      isAbandoned: this.isAbandoned,
      onError,
    });
  }

  /** Nothing is undone before it is on disk: a daemon that knew nothing of it would go on from steps that are undone. A full disk is waited out. */
  private async beginUnwinding(run: ActiveRun, unwinding: Unwinding): Promise<void> {
    const { code, message } = unwinding.error;
    for (let told = false; !this.abandoned; told = true) {
      try {
        return await run.change(() => ({ change: { unwinding }, type: "run.unwinding", data: { code, message } }));
      } catch (error) {
        if (!told) this.options.onError(error);
        await this.options.clock.sleep(RETRY_MS);
      }
    }
  }

  private async end(run: ActiveRun, { by, ...outcome }: RunEnd): Promise<void> {
    if (run.ending || hasEnded(run.row.status) || this.abandoned) return;
    run.ending = true;
    const { clock, onError } = this.options;
    const data: JsonObject = "error" in outcome ? { code: outcome.error.code, message: outcome.error.message } : {};
    const finish = (row: RunRow): RunRow => ({ ...row, status: RUN.next(row.status, by), endedAt: clock.now(), ...outcome });
    try {
      await run.change((row) => ({ change: finish(row), type: `run.${RUN.next(row.status, by)}`, data }));
    } catch (error) {
      // The journal is full or gone: the answer is owed all the same.
      onError(error);
      run.row = finish(run.row);
      void this.late.save(run.row, data);
    }
    this.active.delete(run.row.id);
    run.ended.resolve(run.row);
    this.passOn(run.row);
  }

  private passOn(row: RunRow): void {
    this.letGo(this.lanes.release(row.lane, row.id, this.rest.rests(row)));
    this.rest.wakeLater(row);
  }

  private letGo(next: string | undefined): void {
    const run = next === undefined ? undefined : this.active.get(next);
    if (run?.saved) this.begin(run);
  }
}

function busy(row: RunRow, holder: string, reason: string): OrcoError {
  return new OrcoError(
    "busy",
    `${row.lane.replace("/", " ")} is being changed by run ${holder}: ${reason}; wait for it, or queue behind it`,
    { run: holder },
  );
}
