import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { Json } from "../../kernel/event.ts";
import { messageOf } from "../../kernel/errors.ts";
import { type Adapter, type EngineEnd, EngineFault, type EngineSink, type EngineStream } from "../adapters/adapter.ts";
import type { Sent } from "../placement/breaker.ts";
import { isBreakerFailure, isReplicasOwn } from "../placement/retry.ts";
import type { LiveReplica } from "./live-replica.ts";
import type { LiveTask } from "./live-task.ts";

/** Of `/v1`: what comes before the first token is held back so that another replica can still be tried; no more than this. */
const MAX_HELD_BYTES = 64 * 1024;

export type Outcome =
  | { readonly kind: "end"; readonly end: EngineEnd }
  | { readonly kind: "fault"; readonly fault: EngineFault }
  | { readonly kind: "timeout"; readonly waited: "first_token" | "next_token"; readonly ms: number };

export interface AttemptOptions {
  readonly task: LiveTask;
  readonly replica: LiveReplica;
  readonly adapter: Adapter;
  readonly clock: Clock;
  readonly timeouts: { readonly firstTokenMs: number; readonly idleTokenMs: number };
  readonly traceparent: string | undefined;
  /** Another replica, which has not been tried, may take the task. */
  readonly hasElsewhere: () => boolean;
  /** Once, unless it is canceled. The slot is free by then. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** A frame that could not be read was passed over. */
  readonly onSkipped: () => void;
}

/** One try on one replica: takes a slot, hands what comes to the task's channel, and ends once. */
export class Attempt implements EngineSink {
  /** Something of it has gone to the consumers: it cannot be tried elsewhere any more. */
  delivered = false;
  private over = false;
  private paused = false;
  /** Monotonic ms of the last sign of life. */
  private touchedAt: number;
  private heldBytes = 0;
  private readonly held: Uint8Array[] = [];
  private stream: EngineStream | undefined;
  private cancelWatch: CancelTimer = () => undefined;
  /** For the replica's circuit. */
  private sent: Sent | undefined;

  constructor(private readonly options: AttemptOptions) {
    this.touchedAt = options.clock.monotonic();
  }

  begin(): void {
    const { task, replica, adapter, clock, traceparent } = this.options;
    replica.inFlight += 1;
    this.sent = replica.breaker.began(clock.monotonic());
    const how = { sink: this, ...(traceparent !== undefined && { traceparent }) };
    this.stream = adapter.stream(replica.facts.endpoint, task.request, how);
    this.watch();
    this.stream.end.then(
      (end) => this.ended(end),
      (error: unknown) => this.failed(error),
    );
  }

  /** Closes upstream in this turn; nothing of it is handed on after that. Idempotent. */
  cancel(): void {
    if (!this.finish()) return;
    this.options.replica.breaker.released(this.sent);
    this.stream?.cancel();
  }

  pause(): void {
    if (this.over || this.paused) return;
    this.paused = true;
    this.stream?.pause();
  }

  resume(): void {
    if (this.over || !this.paused) return;
    this.paused = false;
    this.touchedAt = this.options.clock.monotonic();
    this.stream?.resume();
  }

  opened(): void {
    this.touchedAt = this.options.clock.monotonic();
  }

  token(text: string): void {
    if (this.over) return;
    this.counted(1);
    this.deliver();
    this.options.task.channel.token(text);
  }

  frames(bytes: Uint8Array, tokens: number): void {
    if (this.over) return;
    if (tokens > 0) this.counted(tokens);
    if (!this.delivered && tokens === 0 && this.heldBytes + bytes.byteLength <= MAX_HELD_BYTES) {
      this.held.push(bytes);
      this.heldBytes += bytes.byteLength;
      return;
    }
    this.deliver();
    this.options.task.channel.frames(bytes, tokens);
  }

  result(data: Json): void {
    if (this.over) return;
    this.deliver();
    this.options.task.channel.result(data);
  }

  /** A model that thinks, or calls a tool, is not silent. */
  alive(): void {
    this.touchedAt = this.options.clock.monotonic();
  }

  /** No sign of life: who sends only what cannot be read is given up in time. */
  skipped(): void {
    this.options.onSkipped();
  }

  private counted(tokens: number): void {
    const { task, replica, clock } = this.options;
    const now = clock.monotonic();
    this.touchedAt = now;
    const { counts } = task;
    counts.tokensOut += tokens;
    counts.lastTokenAt = now;
    if (counts.firstTokenAt !== undefined) return;
    counts.firstTokenAt = now;
    replica.breaker.succeeded(this.sent);
    // From now on it is the other limit.
    this.cancelWatch();
    this.watch();
  }

  private deliver(): void {
    if (this.delivered) return;
    this.delivered = true;
    const { channel } = this.options.task;
    channel.opened();
    for (const bytes of this.held.splice(0)) channel.frames(bytes, 0);
  }

  private ended(end: EngineEnd): void {
    if (this.over) return;
    this.deliver();
    this.finish();
    this.options.replica.breaker.succeeded(this.sent);
    this.options.onOutcome({ kind: "end", end });
  }

  private failed(error: unknown): void {
    if (!this.finish()) return;
    const fault = error instanceof EngineFault ? error : new EngineFault("reset", messageOf(error));
    const { replica, clock, hasElsewhere } = this.options;
    const what = { kind: fault.kind, status: fault.facts.status };
    if (isBreakerFailure(what) || (isReplicasOwn(what) && hasElsewhere())) replica.breaker.failed(clock.monotonic(), this.sent);
    else replica.breaker.released(this.sent);
    this.options.onOutcome({ kind: "fault", fault });
  }

  private timedOut(ms: number): void {
    if (!this.finish()) return;
    this.options.replica.breaker.failed(this.options.clock.monotonic(), this.sent);
    this.stream?.cancel();
    this.options.onOutcome({
      kind: "timeout",
      waited: this.options.task.counts.firstTokenAt === undefined ? "first_token" : "next_token",
      ms,
    });
  }

  /** Gives the slot back, once. */
  private finish(): boolean {
    if (this.over) return false;
    this.over = true;
    this.cancelWatch();
    this.options.replica.inFlight -= 1;
    return true;
  }

  /** One timer, set again when it fires: not one a token. */
  private watch(): void {
    const { clock, timeouts, task } = this.options;
    const limit = task.counts.firstTokenAt === undefined ? timeouts.firstTokenMs : timeouts.idleTokenMs;
    const left = this.touchedAt + limit - clock.monotonic();
    if (left <= 0 && !this.paused) return this.timedOut(limit);
    this.cancelWatch = clock.after(this.paused ? limit : left, () => this.watch());
  }
}
