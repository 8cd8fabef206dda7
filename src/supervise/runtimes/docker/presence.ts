import { accessSync, constants } from "node:fs";
import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../../../kernel/errors.ts";
import { type Engine, isAway } from "../../docker/engine.ts";

export interface PresenceOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Docker is gone, or there again. */
  readonly onChange: (present: boolean) => void;
}

/** A docker that hangs is noticed within both together. */
const BEAT_MS = 1000;
const BEAT_TIMEOUT_MS = 1500;
/** One that is away is asked this often. */
const RETRY_MS = 500;

/** Whether docker answers, asked as long as somebody needs to know. */
export class Presence {
  private absence: { readonly since: number; readonly why: string; readonly lasting: string } | undefined;
  private beating: AbortController | undefined;
  private cancelBeat: CancelTimer | undefined;
  private back = Promise.withResolvers<void>();
  private gone = new AbortController();

  constructor(private readonly options: PresenceOptions) {}

  get isAway(): boolean {
    return this.absence !== undefined;
  }

  /** `docker unreachable since 12:03:04`, in this machine's time, and what waiting will not change; undefined while it answers. */
  get trouble(): string | undefined {
    return this.absence && `docker unreachable since ${timeOfDay(this.absence.since)}${this.absence.lasting}`;
  }

  /** Aborts when docker goes: what is open to it may never end by itself. */
  get whilePresent(): AbortSignal {
    return this.gone.signal;
  }

  /** Begins to ask. Idempotent. */
  watch(): void {
    if (this.beating) return;
    this.beating = new AbortController();
    this.beatAfter(this.absence ? RETRY_MS : BEAT_MS);
  }

  /** Nobody needs to know any more; the next who asks docker finds out. */
  rest(): void {
    this.cancelBeat?.();
    this.beating?.abort();
    this.beating = undefined;
    if (this.absence) this.arrived();
  }

  /** Docker answered. */
  arrived(): void {
    if (!this.absence) return;
    this.absence = undefined;
    this.gone = new AbortController();
    this.back.resolve();
    this.back = Promise.withResolvers();
    this.options.onChange(true);
  }

  /** Docker did not answer, as `error` says. */
  missed(error: unknown): void {
    if (this.absence) return;
    this.absence = { since: this.options.clock.now(), why: messageOf(error), lasting: lastingCause(this.options.engine) };
    this.gone.abort(this.error());
    this.options.onChange(false);
    if (this.beating) this.beatAfter(RETRY_MS);
  }

  /** Resolves as soon as docker is not known to be away; rejects with the signal's reason. */
  async present(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.absence) return;
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.back.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** `engine_away` (facts: since, epoch ms). */
  error(cause?: unknown): OrcoError {
    const { since = this.options.clock.now(), why = messageOf(cause) } = this.absence ?? {};
    return new OrcoError("engine_away", `docker unreachable since ${timeOfDay(since)}: ${why}`, { since }, { cause });
  }

  private beatAfter(ms: number): void {
    const beating = this.beating;
    this.cancelBeat?.();
    this.cancelBeat = this.options.clock.after(ms, () => void (beating && this.beat(beating.signal)));
  }

  private async beat(signal: AbortSignal): Promise<void> {
    try {
      await this.options.engine.ping({ timeoutMs: BEAT_TIMEOUT_MS, signal });
      if (!signal.aborted) this.arrived();
    } catch (error) {
      // One that is too old answers all the same.
      if (!signal.aborted && isAway(error)) this.missed(error);
    }
    if (!signal.aborted) this.beatAfter(this.absence ? RETRY_MS : BEAT_MS);
  }
}

function lastingCause({ address }: Engine): string {
  if (!("unix" in address)) return "";
  try {
    accessSync(address.unix, constants.R_OK | constants.W_OK);
    return "";
  } catch (error) {
    const forbidden = errnoOf(error) === "EACCES";
    return forbidden ? `: this user may not use ${address.unix} (its group may, mostly docker)` : `: there is no ${address.unix}`;
  }
}

function timeOfDay(ms: number): string {
  const time = new Date(ms);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
