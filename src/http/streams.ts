import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { HttpMetrics } from "./http-metrics.ts";

const MAX_STREAMS = 4096;
/** What one client may be behind before it is cut; it comes back by id and loses nothing. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** Replay waits for the client above this, so that a long backlog is not mistaken for a slow reader. */
const REPLAY_WINDOW_BYTES = 64 * 1024;
const HEARTBEAT_MS = 15_000;
const STALLED_HEARTBEATS = 2;

export type CloseReason = "ended" | "client" | "slow" | "shutdown" | "failed";

/** One response body that is written as things happen. */
export interface StreamWriter {
  /** Aborts when the stream is over, whoever ended it. */
  readonly signal: AbortSignal;
  /** Queues text. Over `MAX_QUEUED_BYTES` the client is too slow and cut. */
  write(text: string): void;
  /** Resolves when a part of a backlog may follow. Rejects never; check `signal`. */
  room(): Promise<void>;
}

export interface StreamOptions {
  /** Sent every 15 s, unless the client has not even taken what was sent before. */
  readonly heartbeat: string;
  /** Fills the stream; when it resolves the stream ends properly. */
  readonly produce: (writer: StreamWriter) => Promise<void>;
}

/** All open streams of the server: bounded in number, ended together. */
export class OpenStreams {
  private readonly open = new Set<LiveStream>();

  constructor(
    private readonly clock: Clock,
    private readonly metrics: HttpMetrics,
  ) {}

  /** Throws `unavailable` when there are too many. */
  start(options: StreamOptions): ReadableStream<Uint8Array> {
    if (this.open.size >= MAX_STREAMS) throw new OrcoError("unavailable", `${MAX_STREAMS} streams are open already`, { retry_after_s: 5 });
    const stream = new LiveStream(this.clock, options, (reason) => {
      this.open.delete(stream);
      this.metrics.streamClosed(reason);
    });
    this.open.add(stream);
    this.metrics.streamOpened();
    return stream.body;
  }

  closeAll(): void {
    for (const stream of this.open) stream.close("shutdown");
  }
}

class LiveStream implements StreamWriter {
  readonly body: ReadableStream<Uint8Array>;
  private readonly over = new AbortController();
  private readonly encoder = new TextEncoder();
  private readonly queue = new ByteQueue();
  private stalledBeats = 0;
  private stopHeartbeat: CancelTimer = () => undefined;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly options: StreamOptions,
    private readonly onClose: (reason: CloseReason) => void,
  ) {
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
      pull: () => this.pull(),
      cancel: () => this.close("client"),
    });
    this.beatLater();
    void this.run();
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  write(text: string): void {
    if (this.signal.aborted) return;
    const bytes = this.encoder.encode(text);
    if (this.queue.bytes > 0 && this.queue.bytes + bytes.byteLength > MAX_QUEUED_BYTES) this.close("slow");
    else this.queue.push(bytes);
  }

  async room(): Promise<void> {
    while (!this.signal.aborted && this.queue.bytes > REPLAY_WINDOW_BYTES) await this.queue.changed();
  }

  /** Idempotent; the first reason counts. `slow` and `failed` break the connection, so that nobody takes the stream for complete. */
  close(reason: CloseReason): void {
    if (this.signal.aborted) return;
    this.over.abort(new Error(`stream over: ${reason}`));
    this.stopHeartbeat();
    if (reason === "slow" || reason === "failed") this.controller?.error(this.over.signal.reason);
    if (reason === "ended" || reason === "shutdown") this.finish();
    this.queue.wake();
    this.onClose(reason);
  }

  private finish(): void {
    for (let rest = this.queue.shift(); rest; rest = this.queue.shift()) this.controller?.enqueue(rest);
    this.controller?.close();
  }

  private async run(): Promise<void> {
    try {
      await this.options.produce(this);
      this.close("ended");
    } catch {
      this.close("failed");
    }
  }

  private async pull(): Promise<void> {
    while (!this.signal.aborted) {
      const bytes = this.queue.shift();
      if (bytes) {
        this.stalledBeats = 0;
        this.controller?.enqueue(bytes);
        return;
      }
      await this.queue.changed();
    }
  }

  private beatLater(): void {
    this.stopHeartbeat = this.clock.after(HEARTBEAT_MS, () => {
      if (this.queue.bytes === 0) this.write(this.options.heartbeat);
      else if (++this.stalledBeats >= STALLED_HEARTBEATS) this.close("slow");
      if (!this.signal.aborted) this.beatLater();
    });
  }
}

/** Bytes between a writer and a reader. `changed` has at most one waiter a side. */
class ByteQueue {
  bytes = 0;
  private chunks: Uint8Array[] = [];
  private waiters: (() => void)[] = [];

  push(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    this.chunks.push(chunk);
    this.wake();
  }

  /** Everything that waits, as one chunk. */
  shift(): Uint8Array | undefined {
    if (this.chunks.length === 0) return undefined;
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [];
    this.bytes = 0;
    this.wake();
    return all;
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  wake(): void {
    const waiting = this.waiters;
    this.waiters = [];
    for (const resolve of waiting) resolve();
  }
}
