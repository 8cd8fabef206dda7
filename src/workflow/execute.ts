import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json, JsonObject } from "../kernel/event.ts";
import type { RunContext, Workflow, Workflows } from "./define.ts";
import { Lanes } from "./lane.ts";
import { hasEnded, RUN, type RunError, type RunRow, type StepRow } from "./run.ts";
import type { RunStore } from "./store.ts";
import { runSteps } from "./steps.ts";

export interface RunRequest {
  readonly kind: string;
  readonly lane: string;
  readonly input: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly onBusy: "queue" | "reject";
}

interface ActiveRun {
  row: RunRow;
  /** On disk; before that it must not begin, even if its lane falls free. */
  saved: boolean;
  /** Its end is being written: the first one counts. */
  ending: boolean;
  readonly controller: AbortController;
  readonly ended: PromiseWithResolvers<RunRow>;
}

interface RunsOptions {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly workflows: Workflows;
  readonly onError: (error: unknown) => void;
}

/** How often an end that could not be written is tried again. */
const RETRY_MS = 1000;

/** The run engine of one daemon: admits, drives, resumes and cancels runs. The only writer of run rows. */
export class Runs {
  private readonly active = new Map<string, ActiveRun>();
  private readonly lanes = new Lanes();
  /** Ended runs whose end a full disk kept back. */
  private readonly late = new Map<string, RunRow>();
  private abandoned = false;

  constructor(private readonly options: RunsOptions) {}

  /** Admits a run and returns at once. `busy` (facts: run) when its lane is held and `onBusy` is "reject". */
  async submit(request: RunRequest): Promise<RunRow> {
    const { store, clock, newId } = this.options;
    const { onBusy, ...given } = request;
    const row: RunRow = { ...given, id: newId(), status: "queued", createdAt: clock.now() };
    const admission = this.lanes.admit(row.lane, row.id, onBusy);
    if (admission.kind === "refuse") throw busy(row, admission.holder, admission.reason);
    const run = this.track(row);
    try {
      await store.save(row, "run.queued");
    } catch (error) {
      this.active.delete(row.id);
      this.passOn(row);
      throw error;
    }
    run.saved = true;
    if (this.lanes.holder(row.lane) === row.id) this.begin(run);
    return row;
  }

  /** Re-admits what a former daemon left queued or running, in order of admission. */
  resume(): void {
    for (const row of this.options.store.withStatus("queued", "running")) {
      const admission = this.lanes.admit(row.lane, row.id, "queue");
      const run = this.track(row);
      run.saved = true;
      if (admission.kind === "go") this.begin(run);
    }
  }

  get(id: string): RunRow {
    const row = this.active.get(id)?.row ?? this.late.get(id) ?? this.options.store.get(id);
    if (!row) throw new OrcoError("not_found", `there is no run ${id}`, { run: id });
    return row;
  }

  steps(id: string): readonly StepRow[] {
    return this.options.store.steps(id);
  }

  list(limit: number, before?: string): readonly RunRow[] {
    return this.options.store.list(limit, before);
  }

  /** Runs under way that carry these labels. */
  underWay(labels: Readonly<Record<string, string>>): readonly RunRow[] {
    const wanted = Object.entries(labels);
    return [...this.active.values()].map((run) => run.row).filter((row) => wanted.every(([key, value]) => row.labels[key] === value));
  }

  /** Resolves with the run when it has ended; rejects only when `signal` aborts. `not_found`. */
  async settled(id: string, signal?: AbortSignal): Promise<RunRow> {
    const run = this.active.get(id);
    if (!run) return this.get(id);
    if (!signal) return run.ended.promise;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void =>
      aborted.reject(signal.reason instanceof Error ? signal.reason : new OrcoError("cancelled", "the wait was cancelled"));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([run.ended.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Cancels and resolves when the run has ended. A run that has ended already is `conflict`. */
  async cancel(id: string, why = "cancelled by request"): Promise<RunRow> {
    const run = this.active.get(id);
    if (!run) {
      const row = this.get(id);
      throw new OrcoError("conflict", `run ${id} has already ${row.status}`, { run: id, status: row.status });
    }
    run.controller.abort(new OrcoError("cancelled", why, { run: id }));
    if (run.row.status === "queued" && this.lanes.holder(run.row.lane) !== id)
      await this.end(run, "cancel", { error: failure(run.controller.signal.reason) });
    return run.ended.promise;
  }

  /** The daemon leaves: nothing more is written, and the next daemon resumes what is under way. */
  abandon(): void {
    this.abandoned = true;
    for (const run of this.active.values()) run.controller.abort(new OrcoError("cancelled", "the daemon is stopping"));
  }

  private track(row: RunRow): ActiveRun {
    const run: ActiveRun = { row, saved: false, ending: false, controller: new AbortController(), ended: Promise.withResolvers<RunRow>() };
    this.active.set(row.id, run);
    return run;
  }

  private begin(run: ActiveRun): void {
    this.drive(run).catch(this.options.onError);
  }

  private async drive(run: ActiveRun): Promise<void> {
    const workflow = this.options.workflows[run.row.kind];
    if (!workflow)
      return this.end(run, "fail", { error: { code: "unsupported", message: `this version has no run of kind ${run.row.kind}` } });
    try {
      run.controller.signal.throwIfAborted();
      await this.move(
        run,
        { status: RUN.next(run.row.status, "begin"), startedAt: run.row.startedAt ?? this.options.clock.now() },
        "run.started",
      );
      const result = await this.execute(run, workflow);
      await this.end(run, "finish", { result });
    } catch (error) {
      if (this.abandoned) return;
      const cause = run.controller.signal.aborted ? run.controller.signal.reason : error;
      await this.end(run, run.controller.signal.aborted ? "cancel" : "fail", { error: failure(cause) });
    }
  }

  private execute(run: ActiveRun, workflow: Workflow): Promise<Json> {
    const { store, onError } = this.options;
    const context: Omit<RunContext, "step"> = {
      id: run.row.id,
      signal: run.controller.signal,
      progress: (message, data = {}) => void store.note(run.row, message, data).catch(onError),
      releaseLane: () => this.passOn(run.row),
      waitFor: () => Promise.reject(new OrcoError("unsupported", "runs cannot wait yet")),
      approval: () => Promise.reject(new OrcoError("unsupported", "runs cannot ask for approval yet")),
    };
    return runSteps({ workflow, context, row: run.row, store, isAbandoned: () => this.abandoned });
  }

  private async move(run: ActiveRun, change: Partial<RunRow>, type: string, data: JsonObject = {}): Promise<void> {
    const row = { ...run.row, ...change };
    await this.options.store.save(row, type, data);
    run.row = row;
  }

  private async end(run: ActiveRun, by: "finish" | "fail" | "cancel", outcome: { error?: RunError; result?: Json }): Promise<void> {
    if (run.ending || hasEnded(run.row.status) || this.abandoned) return;
    run.ending = true;
    const status = RUN.next(run.row.status, by);
    const data: Record<string, Json> = outcome.error ? { code: outcome.error.code, message: outcome.error.message } : {};
    try {
      await this.move(run, { status, endedAt: this.options.clock.now(), ...outcome }, `run.${status}`, data);
    } catch (error) {
      // The journal is full or gone: the answer is owed all the same; a daemon that starts before it is written runs the last step again.
      this.options.onError(error);
      run.row = { ...run.row, status, endedAt: this.options.clock.now(), ...outcome };
      void this.saveLate(run.row, data);
    }
    this.active.delete(run.row.id);
    run.ended.resolve(run.row);
    this.passOn(run.row);
  }

  /** Whoever follows the run waits for this event. Ends when it is on disk, or with the daemon. */
  private async saveLate(row: RunRow, data: JsonObject): Promise<void> {
    this.late.set(row.id, row);
    while (this.late.has(row.id) && !this.abandoned) {
      await this.options.clock.sleep(RETRY_MS);
      await this.options.store.save(row, `run.${row.status}`, data).then(
        () => this.late.delete(row.id),
        () => undefined, // as full as before, which has been told
      );
    }
  }

  private passOn(row: RunRow): void {
    const next = this.lanes.release(row.lane, row.id);
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

function failure(error: unknown): RunError {
  if (error instanceof OrcoError) return { code: error.code, message: error.message, facts: error.facts as JsonObject };
  return { code: "internal", message: messageOf(error) };
}
