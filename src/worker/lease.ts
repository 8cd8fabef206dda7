import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { type ErrorCode, messageOf, OrcoError } from "../kernel/errors.ts";
import type { HeartbeatReply, HeartbeatRequest } from "../runs/worker-wire.ts";

const MAX_WAIT_MS = 10_000;
const PAUSE_MS = 500;
/** The run is somebody else's, or nobody's any more. */
const OVER: ReadonlySet<ErrorCode> = new Set(["conflict", "stale_attempt", "not_found", "unauthorized", "forbidden"]);

interface LeaseOptions {
  readonly run: string;
  readonly leaseMs: number;
  /** Monotonic ms when the claim was sent. */
  readonly since: number;
  readonly seen: number;
  readonly clock: Clock;
  readonly heartbeat: (request: HeartbeatRequest, signal: AbortSignal) => Promise<HeartbeatReply>;
  readonly onReply: (reply: HeartbeatReply) => void;
}

/** Keeps the lease of one attempt by heartbeats that the daemon holds until something changes. `signal` aborts, with why, when the run is lost. */
export class Lease {
  private readonly over = new AbortController();
  private readonly beating = new AbortController();
  private cancel: CancelTimer = () => undefined;
  private seen: number;

  constructor(private readonly options: LeaseOptions) {
    this.seen = options.seen;
    this.extend(options.since, options.leaseMs);
    void this.beat();
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  /** Whether the error says that this attempt is over; then `signal` has aborted. */
  lostBy(error: unknown): boolean {
    if (!(error instanceof OrcoError) || !OVER.has(error.code)) return false;
    this.lose(error);
    return true;
  }

  /** The attempt is over for another reason: its steps have ended, or the worker lets go. */
  close(reason?: OrcoError): void {
    if (reason) this.over.abort(reason);
    this.cancel();
    this.beating.abort();
  }

  private async beat(): Promise<void> {
    const { clock, leaseMs, heartbeat } = this.options;
    const waitMs = Math.min(MAX_WAIT_MS, Math.floor(leaseMs / 3));
    const { signal } = this.beating;
    while (!signal.aborted) {
      const sentAt = clock.monotonic();
      const known = this.seen;
      try {
        this.take(await heartbeat({ seen: known, wait_ms: waitMs }, signal), sentAt);
      } catch (error) {
        if (signal.aborted || this.lostBy(error)) return;
        await clock.sleep(Math.min(PAUSE_MS, waitMs), signal).catch(() => undefined);
      }
      // A daemon that does not hold the request must not be asked in a circle.
      if (this.seen === known) await clock.sleep(sentAt + waitMs - clock.monotonic(), signal).catch(() => undefined);
    }
  }

  private take(reply: HeartbeatReply, sentAt: number): void {
    // Closed while the answer was on its way: a timer set now would end the steps of a cancelled run within their grace.
    if (this.beating.signal.aborted) return;
    this.extend(sentAt, reply.lease_ms);
    this.seen = reply.seen;
    this.options.onReply(reply);
  }

  private extend(since: number, leaseMs: number): void {
    const { clock, run } = this.options;
    this.cancel();
    const late = (): void =>
      this.lose(new OrcoError("stale_attempt", `the daemon was not reached for ${leaseMs} ms: the lease of run ${run} is over`, { run }));
    const leftMs = since + leaseMs - clock.monotonic();
    // A worker that was stopped for longer than its lease finds an answer from before: it is worth nothing any more.
    if (leftMs <= 0) late();
    else this.cancel = clock.after(leftMs, late);
  }

  private lose(error: OrcoError): void {
    this.close(
      new OrcoError("conflict", `run ${this.options.run} is not this worker's any more: ${messageOf(error)}`, error.facts, {
        cause: error,
      }),
    );
  }
}
