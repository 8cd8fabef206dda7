import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import { onDeadline } from "./patience.ts";
import { asThrown, runError, type StepRow, type StepWait } from "./run.ts";
import type { StepChange, StepLog } from "./step-log.ts";

/** As JSON text. */
const MAX_VALUE_CHARS = 256 * 1024;
const MAX_NAME_CHARS = 200;
/** Answers that nobody waits for yet. */
const MAX_EARLY = 64;

export interface Answer {
  readonly event: "finish" | "fail";
  readonly change: StepChange;
}

export interface WaitCall {
  readonly wait: Omit<StepWait, "since" | "expiresAt">;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** What a delivered value makes of the step. */
  readonly settle: (value: Json) => Answer;
  readonly expired: () => OrcoError;
}

interface Waiter {
  readonly name: string;
  readonly call: WaitCall;
  readonly answer: PromiseWithResolvers<StepRow>;
  /** On disk: whoever looks at the run sees it. */
  announced: boolean;
  /** Its end is being written; who comes second is too late. */
  taken: boolean;
  /** Deadline or cancellation, where an answer was being written at that moment. */
  over?: unknown;
}

interface WaitsOptions {
  readonly run: string;
  readonly log: StepLog;
  readonly clock: Clock;
  readonly isAbandoned: () => boolean;
}

/** The waits of one run and what is delivered to them. Deciding is atomic: the first answer, deadline or cancellation wins. */
export class Waits {
  private readonly open = new Map<string, Waiter>();
  private readonly arriving = new Map<string, Promise<unknown>>();
  private readonly askers = new Set<() => void>();
  private closed = false;

  constructor(private readonly options: WaitsOptions) {}

  /** Resolves with the completed step; rejects with its error. */
  async wait(name: string, call: WaitCall): Promise<StepRow> {
    await this.arriving.get(name)?.catch(() => undefined);
    const row = this.options.log.get(name);
    if (row?.status === "delivered" && isAnswer(row, call)) return done(await this.conclude(name, call.settle(row.result ?? null)));
    call.signal.throwIfAborted();
    const waiter: Waiter = { name, call, answer: Promise.withResolvers<StepRow>(), announced: false, taken: false };
    waiter.answer.promise.catch(() => undefined);
    this.open.set(name, waiter);
    try {
      const { expiresAt } = await this.announce(name, call, row?.waiting);
      waiter.announced = true;
      if (call.wait.kind === "approval") for (const asker of this.askers) asker();
      return done(await this.answered(waiter, expiresAt));
    } finally {
      this.open.delete(name);
    }
  }

  /** Resolves when the answer is on disk. `conflict` when the step is none that waits, or was answered before; `too_large`; `invalid`. */
  async deliver(name: string, value: Json): Promise<void> {
    check(name, value);
    const waiter = this.open.get(name);
    if (this.closed || waiter?.taken || waiter?.over !== undefined) throw this.conflict(name);
    if (!waiter) return this.deliverEarly(name, value);
    waiter.taken = true;
    try {
      waiter.answer.resolve(await this.conclude(name, waiter.call.settle(value)));
    } catch (error) {
      waiter.taken = false;
      if (waiter.over !== undefined) void this.giveUp(waiter);
      throw error;
    }
  }

  /** Calls `fn` once when a person is asked, at once where one is. Returns how to stop. */
  onAsked(fn: () => void): () => void {
    if (this.options.log.all().some((row) => row.waiting?.kind === "approval" && this.takes(row))) fn();
    else this.askers.add(fn);
    return () => this.askers.delete(fn);
  }

  /** Nothing is taken in any more. */
  close(): void {
    this.closed = true;
  }

  /** Whether an answer to this step would be taken now. */
  takes({ name, status, waiting }: StepRow): boolean {
    const waiter = this.open.get(name);
    if (waiter) return waiter.announced && !waiter.taken && waiter.over === undefined;
    return status === "waiting" && !this.closed && (waiting?.expiresAt ?? Infinity) > this.options.clock.now();
  }

  /** Before the wait begins, or before a new daemon has come to it again. */
  private async deliverEarly(name: string, value: Json): Promise<void> {
    const row = this.options.log.get(name);
    if (row && !this.takes(row)) throw this.conflict(name);
    const early = this.options.log.all().filter(({ status }) => status === "delivered").length;
    if (early >= MAX_EARLY) throw new OrcoError("conflict", `run ${this.options.run} has ${early} answers that it has not asked for`);
    const saved = this.options.log.save(name, "deliver", { result: value });
    this.arriving.set(name, saved);
    try {
      await saved;
    } finally {
      this.arriving.delete(name);
    }
  }

  /** The deadline is that of the first announcement; asked for something else, the step shows that. */
  private async announce(name: string, { wait, timeoutMs }: WaitCall, before: StepWait | undefined): Promise<StepWait> {
    if (before && before.contentHash === wait.contentHash) return before;
    const since = before?.since ?? this.options.clock.now();
    const expiresAt = before?.expiresAt ?? (timeoutMs === undefined ? undefined : since + timeoutMs);
    const waiting: StepWait = { ...wait, since, ...(expiresAt !== undefined && { expiresAt }) };
    const signal = this.options.log.get(name)?.status === "delivered";
    await this.options.log.save(name, "wait", { waiting, ...(signal && { result: null }) });
    return waiting;
  }

  /** By the monotonic clock, from what the wall clock says is left: within one daemon a clock that jumps changes nothing. */
  private async answered(waiter: Waiter, expiresAt: number | undefined): Promise<StepRow> {
    const { signal, timeoutMs = Infinity, expired } = waiter.call;
    const end = (why: unknown): void => {
      waiter.over ??= why;
      if (!waiter.taken) void this.giveUp(waiter);
    };
    const left = Math.min(Math.max(0, (expiresAt ?? Infinity) - this.options.clock.now()), timeoutMs);
    const cancel = left === Infinity ? undefined : onDeadline(this.options.clock, left, () => end(expired()));
    const onAbort = (): void => end(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await waiter.answer.promise;
    } finally {
      cancel?.();
      signal.removeEventListener("abort", onAbort);
    }
  }

  private async giveUp(waiter: Waiter): Promise<void> {
    waiter.taken = true;
    try {
      const error = runError(waiter.over);
      if (!this.options.isAbandoned()) await this.conclude(waiter.name, { event: "fail", change: { error, detail: error.message } });
      waiter.answer.reject(waiter.over);
    } catch (error) {
      waiter.answer.reject(error);
    }
  }

  private conclude(name: string, { event, change }: Answer): Promise<StepRow> {
    return this.options.log.save(name, event, change);
  }

  private conflict(name: string): OrcoError {
    const { run, log } = this.options;
    const row = log.get(name);
    const why = row?.waiting || row?.status === "delivered" ? "is answered or over already" : row ? "does not wait" : "can wait no more";
    return new OrcoError("conflict", `${name} of run ${run} ${why}`, { run, step: name, ...(row && { status: row.status }) });
  }
}

/** An approval is decided by who was asked, and that was checked then; what came before anybody was asked is a signal, which anybody may send. */
function isAnswer({ waiting }: StepRow, { wait }: WaitCall): boolean {
  return wait.kind !== "approval" || waiting?.kind === "approval";
}

function done(row: StepRow): StepRow {
  if (row.error) throw asThrown(row.error);
  return row;
}

function check(name: string, value: Json): void {
  if (name === "" || name.length > MAX_NAME_CHARS)
    throw new OrcoError("invalid", `the name of a wait has 1 to ${MAX_NAME_CHARS} characters`);
  const { length } = JSON.stringify(value);
  if (length > MAX_VALUE_CHARS)
    throw new OrcoError("too_large", `the value for ${name} has ${length} characters of JSON; ${MAX_VALUE_CHARS} are the most`);
}
