import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { Adapter, Endpoint, EngineHealth, EngineProps } from "../adapters/adapter.ts";
import type { Turns } from "./turns.ts";

/** What an engine was last seen to be. */
export interface Seen {
  /** Its process answers. */
  readonly live: boolean;
  readonly ready: boolean;
  readonly detail?: string;
  readonly slotsTotal?: number;
  /** Taken by work that is not ours; absent: the engine does not tell. */
  readonly slotsForeign?: number;
  /** What it said last; absent: it has not said. */
  readonly props?: EngineProps;
}

/** Engines asked at once. Those that let the last question time out have turns of their own: however many they are, the others are heard in time. */
export interface LookTurns {
  readonly usual: Turns;
  readonly silent: Turns;
}

export interface WatchPorts {
  readonly clock: Clock;
  readonly adapter: Adapter;
  /** What it said before, when it was asked by another watch. */
  readonly props?: EngineProps | undefined;
  readonly turns: LookTurns;
  /** Ours that run on it at this moment. */
  readonly inFlight: () => number;
  /** After each look that has changed something. */
  readonly onSeen: () => void;
  readonly counted: (outcome: "ok" | "error") => void;
}

const NEVER_ASKED: Seen = { live: false, ready: false, detail: "it has not been asked yet" };
const READY_EVERY_MS = 2000;
const UNREADY_EVERY_MS = 500;
/** So that a thousand replicas are not asked in step: ± this share. */
const JITTER = 0.1;
const TIMEOUT_MS = 3000;
/** What an engine serves seldom changes while it is up. */
const PROPS_EVERY_MS = 10_000;
/** Of what one engine says it serves: the bounds of what a node may report. */
const MAX_MODELS = 1000;
const MAX_MODEL_CHARS = 500;
/** A ready engine may be too busy to answer in time, once. */
const SILENCES = 2;

/** Asks one engine how it is, again and again, never twice at a time. */
export class Watch {
  private last: Seen;
  private cancelTimer: CancelTimer = () => undefined;
  private looking: Promise<void> | undefined;
  private silences = 0;
  private propsAt = -Infinity;
  /** Slots that were not ours at the look before. */
  private foreign = Infinity;
  private readonly over = new AbortController();
  private readonly asked = Promise.withResolvers<void>();

  constructor(
    readonly endpoint: Endpoint,
    private readonly ports: WatchPorts,
  ) {
    this.last = { ...NEVER_ASKED, ...(ports.props && { props: ports.props }) };
  }

  get seen(): Seen {
    return this.last;
  }

  /** Resolves when it has been asked once, or is not asked any more. */
  get first(): Promise<void> {
    return this.asked.promise;
  }

  /** Asks now, also what it serves; resolves when it has answered. Never rejects. */
  async look(): Promise<void> {
    await this.looking;
    this.propsAt = -Infinity;
    this.cancelTimer();
    this.looking ??= this.once();
    await this.looking;
  }

  close(): void {
    this.cancelTimer();
    this.over.abort();
    this.asked.resolve();
  }

  private async once(): Promise<void> {
    if (this.over.signal.aborted) return;
    const { usual, silent } = this.ports.turns;
    const seen = await (this.silences > 0 ? silent : usual).run(() => this.ask());
    this.looking = undefined;
    if (this.over.signal.aborted) return;
    const changed = !Bun.deepEquals(seen, this.last);
    this.last = seen;
    this.schedule(seen.ready ? READY_EVERY_MS : UNREADY_EVERY_MS);
    if (changed) this.ports.onSeen();
    this.asked.resolve();
  }

  private schedule(ms: number): void {
    const { clock } = this.ports;
    this.cancelTimer = clock.after(ms * (1 - JITTER + 2 * JITTER * clock.random()), () => {
      this.looking ??= this.once();
    });
  }

  private async ask(): Promise<Seen> {
    const { adapter, inFlight } = this.ports;
    const before = inFlight();
    const health = await this.inTime((signal) => adapter.health(this.endpoint, signal)).catch((): undefined => undefined);
    this.silences = health ? 0 : this.silences + 1;
    this.ports.counted(health?.ready ? "ok" : "error");
    if (!health && this.last.ready && this.silences < SILENCES) return this.last;
    const answered = health ?? { live: false, ready: false, detail: `it did not answer within ${TIMEOUT_MS} ms` };
    return this.seenOf(answered, { ours: Math.max(before, inFlight()), ...(await this.props(answered.ready)) });
  }

  private seenOf(health: EngineHealth, { ours, props, trouble }: { ours: number; props?: EngineProps; trouble?: string }): Seen {
    const { live, ready, slotsTotal = props?.slots, slotsFree } = health;
    const { slotsBusy = slotsTotal !== undefined && slotsFree !== undefined ? slotsTotal - slotsFree : undefined } = health;
    const detail = ready ? trouble : (health.detail ?? "it is not ready");
    const foreign = slotsBusy === undefined ? undefined : this.lower(slotsBusy - ours);
    return {
      live,
      ready,
      ...(detail !== undefined && { detail }),
      ...(slotsTotal !== undefined && { slotsTotal }),
      ...(foreign !== undefined && { slotsForeign: foreign }),
      ...(props && { props }),
    };
  }

  /** A task that began or ended while the engine counted looks like somebody else's, once: of two looks the lower counts. */
  private lower(busy: number): number {
    const now = Math.max(0, busy);
    const lower = Math.min(now, this.foreign);
    this.foreign = now;
    return lower;
  }

  /** What it serves: asked when it becomes ready, and now and then. What it said before counts while it does not answer. */
  private async props(ready: boolean): Promise<{ props?: EngineProps; trouble?: string }> {
    const { clock, adapter } = this.ports;
    const { props } = this.last;
    const known = props && { props };
    if (!ready || (this.last.ready && clock.monotonic() - this.propsAt < PROPS_EVERY_MS)) return { ...known };
    try {
      const told = await this.inTime((signal) => adapter.props(this.endpoint, signal));
      this.propsAt = clock.monotonic();
      return { props: { ...told, models: told.models.filter(isName).slice(0, MAX_MODELS) } };
    } catch (error) {
      return { ...known, trouble: `it does not say what it serves: ${messageOf(error)}` };
    }
  }

  /** Rejects at the timeout and at the end of the watch, whatever the adapter does with the signal. */
  private async inTime<T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(ask, { clock: this.ports.clock, signal: this.over.signal });
  }
}

function isName(model: string): boolean {
  return model !== "" && model.length <= MAX_MODEL_CHARS && !/\p{Cc}/u.test(model);
}

/** Asks an engine with the time limit of a look. Rejects at it, and when `signal` aborts. */
export async function within<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<T> {
  const one = new AbortController();
  const late = Promise.withResolvers<never>();
  const end = (why: string): void => {
    late.reject(new Error(why));
    one.abort();
  };
  const stop = (): void => end("it is not asked any more");
  if (signal?.aborted) throw new Error("it is not asked any more");
  const cancel = clock.after(TIMEOUT_MS, () => end(`it did not answer within ${TIMEOUT_MS} ms`));
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([ask(one.signal), late.promise]);
  } finally {
    cancel();
    signal?.removeEventListener("abort", stop);
    late.promise.catch(() => undefined);
  }
}
