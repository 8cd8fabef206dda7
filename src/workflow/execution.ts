import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import { approvalCall, verdict } from "./approval.ts";
import type { Approval, ApprovalRequest, RunContext, StepOptions, WaitOptions, Workflow } from "./define.ts";
import { Pass } from "./pass.ts";
import { PATIENCE_MS, patiently } from "./patience.ts";
import { perform } from "./perform.ts";
import { asThrown, type RunError, type RunRow, runError, type StepRow, type Unwinding } from "./run.ts";
import type { StepLog } from "./step-log.ts";
import { Undos } from "./undo.ts";
import type { WaitCall, Waits } from "./waits.ts";

/** The function may have to wait for a step that is itself waited for. */
const WORKFLOW_PATIENCE_MS = 3 * PATIENCE_MS;
/** How long a resumed run that unwinds may take to come to the steps it has begun. */
const REACH_MS = 60_000;

export type RunEnd = { readonly by: "finish"; readonly result: Json } | { readonly by: "fail" | "cancel"; readonly error: RunError };

export interface ExecutionOptions {
  readonly row: RunRow;
  readonly workflow: Workflow;
  readonly log: StepLog;
  readonly waits: Waits;
  readonly clock: Clock;
  /** Aborts when the run is cancelled or the daemon leaves. */
  readonly signal: AbortSignal;
  readonly progress: RunContext["progress"];
  readonly releaseLane: () => void;
  /** Resolves when it is on disk that the run unwinds. */
  readonly beginUnwinding: (unwinding: Unwinding) => Promise<void>;
  /** The daemon is leaving: neither record nor undo anything more. */
  readonly isAbandoned: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** Carries one run to its end: forward with replay of the steps on disk, and on failure back through their undos. */
export class Execution {
  private readonly undos: Undos;

  constructor(private readonly options: ExecutionOptions) {
    this.undos = new Undos(options);
  }

  /** Rejects only when the daemon leaves. */
  async go(): Promise<RunEnd> {
    const { row, signal } = this.options;
    const { unwinding, cancelling } = row;
    if (unwinding ?? cancelling) return this.unwind(unwinding ?? { by: "cancel", error: cancelling as RunError });
    const pass = new Pass(row.id);
    pass.follow(signal);
    const outcome = await patiently(this.options.clock, this.call(pass), { signal: pass.signal, ms: WORKFLOW_PATIENCE_MS });
    await this.end(pass, outcome.kind === "error" ? outcome.error : new OrcoError("cancelled", "the run has ended", { run: row.id }));
    if (outcome.kind !== "value")
      return this.unwind({
        by: signal.aborted ? "cancel" : "fail",
        error: runError(signal.aborted || outcome.kind === "late" ? signal.reason : outcome.error),
      });
    await this.undos.finish();
    return { by: "finish", result: outcome.value };
  }

  private async unwind(unwinding: Unwinding): Promise<RunEnd> {
    const { row, log } = this.options;
    this.options.waits.close();
    if (this.undos.open().length > 0) {
      if (!row.unwinding) await this.options.beginUnwinding(unwinding);
      await this.reach(unwinding.error);
    }
    await this.undos.unwind(unwinding.error);
    this.leave();
    await this.closeSteps(unwinding.error);
    const spoilt = log.all().filter(({ status }) => status === "undo_failed");
    if (spoilt.length === 0) return unwinding;
    return { by: "fail", error: spoiltError(unwinding.error, spoilt) };
  }

  /** What a former daemon left under way and nothing had to be undone of. */
  private async closeSteps(error: RunError): Promise<void> {
    const { log, onError } = this.options;
    const open = log.all().filter(({ status }) => status === "running" || status === "waiting");
    for (const { name } of open) {
      try {
        await log.save(name, "fail", { error, detail: error.message });
      } catch (failed) {
        onError(failed);
      }
    }
  }

  /** Leads the function once more to the steps whose undo only it knows. */
  private async reach(cause: RunError): Promise<void> {
    const missing = new Set(this.undos.open().flatMap(({ name }) => (this.undos.has(name) ? [] : [name])));
    if (missing.size === 0) return;
    const pass = new Pass(this.options.row.id, missing);
    const bound = { signal: AbortSignal.abort(), ms: REACH_MS };
    await patiently(this.options.clock, Promise.race([this.call(pass), pass.reached]), bound);
    await this.end(pass, asThrown(cause));
  }

  private async end(pass: Pass, reason: unknown): Promise<void> {
    pass.close(reason);
    await pass.quiet();
    this.leave();
  }

  private leave(): void {
    if (this.options.isAbandoned()) throw new OrcoError("cancelled", "the daemon is stopping");
  }

  private async call(pass: Pass): Promise<Json> {
    const { row, workflow, progress, releaseLane } = this.options;
    const context: RunContext = {
      id: row.id,
      signal: pass.signal,
      step: (name, act, options) => pass.track(this.step(pass, { name, act, options: options ?? {} })),
      waitFor: (name, options) => pass.track(this.waitFor(pass, name, options)),
      approval: (name, request) => pass.track(this.approval(pass, name, request)),
      progress: (message, data = {}) => {
        if (!pass.reaching && !pass.signal.aborted) progress(message, data);
      },
      releaseLane: () => {
        if (!pass.reaching) releaseLane();
      },
    };
    return workflow(context, row.input);
  }

  private async step<T extends Json>(pass: Pass, { name, act, options }: Step<T>): Promise<T> {
    const { log, clock } = this.options;
    const row = log.get(name);
    if (row) this.undos.register(name, options, row.result);
    pass.claim(name);
    if (row && isSettled(row)) return replay(row) as T;
    this.assertForward(pass);
    await log.save(name, "begin", options.undo ? { undoable: true } : {});
    this.undos.register(name, options);
    if (pass.signal.aborted) return this.fail(name, pass.signal.reason);
    const done = await perform(clock, { what: `step ${name}`, act, signal: pass.signal, timeoutMs: options.timeoutMs });
    if (this.options.isAbandoned()) this.leave();
    if (done.kind !== "late" && done.value !== undefined) this.undos.returned(name, done.value);
    if (done.kind === "late") this.undos.stray(name, done.work);
    return done.kind === "value" ? this.complete(name, done.value) : this.fail(name, done.error);
  }

  private async complete<T extends Json>(name: string, result: T): Promise<T> {
    try {
      await this.options.log.save(name, "finish", { result });
      return result;
    } catch (error) {
      return this.fail(name, error);
    }
  }

  private async fail(name: string, error: unknown): Promise<never> {
    if (!this.options.isAbandoned())
      await this.options.log.save(name, "fail", { detail: messageOf(error), error: runError(error) }).catch(this.options.onError);
    throw error;
  }

  private async waitFor(pass: Pass, name: string, { what, timeoutMs }: WaitOptions): Promise<Json> {
    const run = this.options.row.id;
    const row = await this.wait(pass, name, {
      wait: { kind: "wait", summary: what },
      timeoutMs,
      signal: pass.signal,
      settle: (value) => ({ event: "finish", change: { result: value } }),
      expired: () => new OrcoError("timeout", `${what} did not come within ${timeoutMs ?? 0} ms`, { run, step: name }),
    });
    return row.result ?? null;
  }

  /** An approval that was given for other content than is asked for now is void (`verdict`); one that still waits shows what is asked for now. */
  private async approval(pass: Pass, name: string, request: ApprovalRequest): Promise<Approval> {
    const about = { run: this.options.row.id, step: name };
    const call = approvalCall(request, about, pass.signal);
    const { status, result } = await this.wait(pass, name, call);
    const given = result as unknown as Approval;
    if (pass.reaching || status !== "completed") return given;
    const { event, change } = verdict(given, call.wait.contentHash ?? "", about);
    if (event === "finish") return given;
    await this.options.log.save(name, "fail", change);
    throw asThrown(change.error as RunError);
  }

  private async wait(pass: Pass, name: string, call: WaitCall): Promise<StepRow> {
    const row = this.options.log.get(name);
    pass.claim(name);
    if (row && isSettled(row)) {
      replay(row);
      return row;
    }
    this.assertForward(pass);
    return this.options.waits.wait(name, call);
  }

  /** Nothing begins in a run that is ending. */
  private assertForward(pass: Pass): void {
    if (pass.reaching) throw new OrcoError("cancelled", "the run is being undone", { run: pass.run });
    pass.signal.throwIfAborted();
  }
}

interface Step<T extends Json> {
  readonly name: string;
  readonly act: (signal: AbortSignal) => Promise<T>;
  readonly options: StepOptions<T>;
}

function isSettled({ status }: StepRow): boolean {
  return status !== "running" && status !== "waiting" && status !== "delivered";
}

function replay({ error, result = null, status }: StepRow): Json {
  if (error) throw asThrown(error);
  if (status === "failed") throw new OrcoError("internal", "it failed in a former daemon");
  return result;
}

/** The cause stays the code; what could not be undone is for a person to look at. */
function spoiltError({ code, message, facts }: RunError, spoilt: readonly StepRow[]): RunError {
  const failed = spoilt.map(({ name, detail = "" }) => ({ step: name, message: detail }));
  const said = failed.map((one) => `${one.step} (${one.message})`).join(", ");
  return { code, message: `${message}; could not be undone: ${said}`, facts: { ...facts, undo_failed: failed } };
}
