import type { Consumer, Subscription } from "../inference/relay/audience.ts";
import type { Channel, Outcome, ResumePoint } from "../inference/relay/channel.ts";
import type { CancelTimer } from "../kernel/clock.ts";
import type { Deps } from "./context.ts";
import type { CloseReason, Open } from "./streams.ts";

/** What the connection gets at once. */
const TAKE_BYTES = 64 * 1024;
/** A broken connection takes with it what Bun and the kernel still hold: the last frame gets this long to leave. */
const BREAK_MS = 1000;
/** Heartbeats without the client taking anything; the kernel's buffers, some 4 MiB, hide a slow reader for minutes. */
const STALLED_BEATS = 20;

/** What surrounds the frames of a task on their way to one client. */
export interface Wrapping {
  readonly opening?: Uint8Array;
  readonly heartbeat?: Uint8Array;
  /** Of whole frames; those that pass as they are, as the same bytes. */
  pass?(frames: Uint8Array): Uint8Array;
  /** After the last frame. `broken`: then the connection is cut, so that nobody takes the stream for complete. */
  last(outcome: Outcome): { readonly bytes?: Uint8Array; readonly broken: boolean };
}

/**
 * The body of an answer that relays a task: written as frames come, one write for what came in one turn, and no more than the connection takes. Bun's
 * direct streams write without a promise for each piece. Measured in docs/decisions/0018-relay.md.
 */
export class RelayStream implements Consumer, Open {
  readonly body: ReadableStream<Uint8Array>;
  private readonly closed: (reason: CloseReason) => void;
  private readonly begun = Promise.withResolvers<void>();
  private controller: ReadableStreamDirectController | undefined;
  /** Bun ends the body once it is resolved. */
  private readonly written = Promise.withResolvers<void>();
  private source: { readonly channel: Channel; readonly subscription: Subscription } | undefined;
  /** The connection wants more. */
  private hungry = false;
  private stalledBeats = 0;
  private over: CloseReason | undefined;
  private breaking: CancelTimer | undefined;

  /** Throws `unavailable` when there are too many streams, or the server ends. */
  constructor(
    private readonly deps: Pick<Deps, "streams" | "clock">,
    private readonly wrapping: Wrapping,
  ) {
    this.closed = deps.streams.admit(this);
    this.body = new ReadableStream<Uint8Array>({
      type: "direct",
      pull: (controller) => this.begin(controller),
      cancel: () => this.end("client"),
    });
  }

  /** Joins the consumers of the channel that `open` returns; what it throws ends the stream. */
  join(open: () => Channel, how: { readonly from?: ResumePoint; readonly verbose?: boolean } = {}): void {
    try {
      const channel = open();
      this.source = { channel, subscription: channel.subscribe(this, how) };
    } catch (error) {
      this.end("failed");
      throw error;
    }
  }

  /** Resolves when the engine has begun to answer, or the task or the stream is over before it: `outcome` says which. */
  async opened(signal: AbortSignal): Promise<Outcome | CloseReason | undefined> {
    const gone = (): void => this.end("client");
    signal.addEventListener("abort", gone, { once: true });
    if (signal.aborted) gone();
    this.wake();
    await this.begun.promise;
    signal.removeEventListener("abort", gone);
    return this.source?.channel.isOpen ? this.over : (this.source?.channel.outcome ?? this.over);
  }

  wake(): void {
    const { channel } = this.source ?? {};
    if (channel?.isOpen || channel?.outcome) this.begun.resolve();
    this.give();
  }

  offer(bytes: Uint8Array): void {
    if (this.hungry) this.hand(bytes);
  }

  cut(): void {
    this.end("slow");
  }

  beat(): void {
    if (this.hungry && this.wrapping.heartbeat) this.hand(this.wrapping.heartbeat);
    else if (!this.hungry && this.source?.channel.isOpen && ++this.stalledBeats >= STALLED_BEATS) this.end("slow");
  }

  close(reason: "shutdown"): void {
    this.end(reason);
  }

  /** Idempotent; the first reason counts. What does not end well breaks the connection. */
  end(reason: CloseReason): void {
    if (this.over) return;
    this.over = reason;
    this.breaking?.();
    this.begun.resolve();
    this.source?.subscription.leave();
    this.leave(reason);
    this.closed(reason);
  }

  private leave(reason: CloseReason): void {
    try {
      if (reason === "ended" || (reason === "shutdown" && this.wrapping.heartbeat)) void this.controller?.end();
      else if (reason !== "client") this.controller?.close(new Error(`stream over: ${reason}`));
    } catch {
      // It broke a moment ago, and there is nobody left to tell.
    }
    this.written.resolve();
  }

  private begin(controller: ReadableStreamDirectController): Promise<void> {
    this.controller = controller;
    if (this.over) this.leave(this.over);
    else {
      this.hungry = true;
      if (this.wrapping.opening) this.hand(this.wrapping.opening);
      this.give();
    }
    return this.written.promise;
  }

  private give(): void {
    while (this.hungry && !this.over && !this.breaking && this.source) {
      const { subscription, channel } = this.source;
      const frames = subscription.take(TAKE_BYTES);
      const bytes = frames && (this.wrapping.pass?.(frames) ?? frames);
      if (bytes && bytes.byteLength > 0) this.hand(bytes);
      if (channel.outcome && subscription.isOver()) return this.finish(channel.outcome);
      if (!frames) return;
    }
  }

  private finish(outcome: Outcome): void {
    const { bytes, broken } = this.wrapping.last(outcome);
    if (bytes) this.hand(bytes);
    if (!broken) return this.end("ended");
    this.breaking = this.deps.clock.after(BREAK_MS, () => this.end("failed"));
  }

  /** A number says that the connection has room; else it is hungry again once there is. */
  private hand(bytes: Uint8Array): void {
    try {
      const taken = this.controller?.write(bytes);
      if (typeof taken !== "object") return;
      this.hungry = false;
      taken.then(this.drained, this.drained);
    } catch {
      this.end("client");
    }
  }

  private readonly drained = (): void => {
    this.hungry = true;
    this.stalledBeats = 0;
    this.give();
  };
}
