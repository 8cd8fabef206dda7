import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import { Beats } from "./stream-beats.ts";
import type { Place } from "./stream-frames.ts";
import { type Journal, LiveEvents, type Subject } from "./stream-hub.ts";
import { ByteQueue } from "./stream-queue.ts";

const MAX_STREAMS = 4096;
/** What one client may be behind before it is cut; it comes back by id and loses nothing. */
const MAX_BEHIND_BYTES = 1024 * 1024;
/** Replay waits for the client above this, so that a long backlog is not mistaken for a slow reader. */
const REPLAY_WINDOW_BYTES = 64 * 1024;
/** Of shared frames, what the connection gets at once: it keeps a copy as long as the client does not take it. */
const CHUNK_BYTES = 16 * 1024;
const STALLED_BEATS = 2;
/** What the kernel holds on the way, some 10 MiB, is all taken before a slow reader wants more of us: at 35 kB/s that lasts as long. */
const PATIENT_BEATS = 20;

export type CloseReason = "ended" | "client" | "slow" | "shutdown" | "failed";

/** One response body that is written as things happen. */
export interface StreamWriter {
  /** Aborts when the stream is over, whoever ended it. */
  readonly signal: AbortSignal;
  /** Queues text. Over `MAX_BEHIND_BYTES` the client is too slow and cut. */
  write(text: string): void;
  /** Resolves when no more than `windowBytes` wait, and a part of a backlog may follow. Rejects never; check `signal`. */
  room(windowBytes?: number): Promise<void>;
  /** Queues a part of a backlog once there is room for it, or nothing before it: of whatever length, it does not make the client slow. */
  send(text: string): Promise<void>;
  /** After what was written the live frames follow, those after `seen`. Resolves when there will be no more. */
  share(live: LiveEvents, subject: Subject, seen: number): Promise<CloseReason>;
}

export interface StreamOptions {
  /** Sent every 15 s, unless the client has not even taken what was sent before. */
  readonly heartbeat: string;
  /** What waits costs no memory: a reader is slow only when it takes nothing for five minutes. */
  readonly patient?: boolean;
  /** Fills the stream; when it resolves the stream ends: properly, unless it says otherwise. */
  readonly produce: (writer: StreamWriter) => Promise<CloseReason | void>;
}

/** A stream that is open, of whatever kind. */
export interface Open {
  close(reason: "shutdown"): void;
  /** Every 15 s. */
  beat(): void;
}

/** All open streams of the server: bounded in number, ended together. */
export class OpenStreams {
  private readonly open = new Set<Open>();
  private readonly beats: Beats;
  private live: LiveEvents | undefined;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly metrics: HttpMetrics,
  ) {
    this.beats = new Beats(clock);
  }

  /** What is committed from now on, shared by all streams. One journal a server. */
  liveEvents(journal: Journal): LiveEvents {
    return (this.live ??= new LiveEvents(journal, this.clock));
  }

  /** Throws `unavailable` when there are too many, or the server ends. */
  start(options: StreamOptions): ReadableStream<Uint8Array> {
    const stream = new LiveStream(options, (reason) => closed(reason));
    const closed = this.admit(stream);
    void stream.run();
    return stream.body;
  }

  /** One that makes its body itself. Returns what it calls once it is over. Throws as `start` does. */
  admit(stream: Open): (reason: CloseReason) => void {
    if (this.closed) throw new OrcoError("unavailable", "the server ends; come back when it is there again", { retry_after_s: 1 });
    if (this.open.size >= MAX_STREAMS) throw new OrcoError("unavailable", `${MAX_STREAMS} streams are open already`, { retry_after_s: 5 });
    this.open.add(stream);
    this.beats.add(stream);
    this.metrics.streamOpened();
    return (reason) => {
      if (!this.open.delete(stream)) return;
      this.beats.remove(stream);
      this.metrics.streamClosed(reason);
    };
  }

  closeAll(): void {
    this.closed = true;
    for (const stream of this.open) stream.close("shutdown");
  }
}

class LiveStream implements StreamWriter {
  readonly body: ReadableStream<Uint8Array>;
  private readonly over = new AbortController();
  private readonly queue = new ByteQueue();
  private readonly shared = Promise.withResolvers<CloseReason>();
  private place: Place | undefined;
  /** The connection wants more. */
  private hungry = false;
  /** Heartbeats since it last took something. */
  private stalledBeats = 0;
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(
    private readonly options: StreamOptions,
    private readonly onClose: (reason: CloseReason) => void,
  ) {
    // Nothing is asked for ahead: what the client does not take stays here, where it is counted.
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.controller = controller),
        pull: () => {
          this.hungry = true;
          this.give();
        },
        cancel: () => this.close("client"),
      },
      { highWaterMark: 0 },
    );
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  async run(): Promise<void> {
    try {
      this.close((await this.options.produce(this)) ?? "ended");
    } catch {
      this.close("failed");
    }
  }

  write(text: string): void {
    if (this.signal.aborted) return;
    const bytes = new TextEncoder().encode(text);
    if (this.queue.bytes > 0 && this.queue.bytes + bytes.byteLength > MAX_BEHIND_BYTES) return this.close("slow");
    this.queue.push(bytes);
    this.give();
  }

  async room(windowBytes = REPLAY_WINDOW_BYTES): Promise<void> {
    while (!this.signal.aborted && this.queue.bytes > windowBytes) await this.queue.taken();
  }

  async send(text: string): Promise<void> {
    await this.room(Math.max(0, REPLAY_WINDOW_BYTES - text.length));
    this.write(text);
  }

  share(live: LiveEvents, subject: Subject, seen: number): Promise<CloseReason> {
    if (this.signal.aborted) return this.shared.promise;
    const { place, leave } = live.join(subject, this, seen);
    this.place = place;
    this.signal.addEventListener("abort", leave, { once: true });
    this.give();
    return this.shared.promise;
  }

  /** Hands the connection what waits, if it is ready for it. One that is not, and too far behind, is cut. */
  give(): void {
    if (this.signal.aborted) return;
    if (this.hungry) {
      const bytes = this.queue.shift() ?? this.place?.take(CHUNK_BYTES);
      if (bytes) {
        this.hungry = false;
        this.stalledBeats = 0;
        this.hand(bytes);
      }
    } else if (this.place && this.queue.bytes + this.place.behind > MAX_BEHIND_BYTES) {
      this.close("slow");
    }
    const over = this.queue.bytes === 0 ? this.place?.over : undefined;
    if (over) this.shared.resolve(over);
  }

  beat(): void {
    if (this.queue.bytes === 0 && !this.place?.behind) this.write(this.options.heartbeat);
    else if (++this.stalledBeats >= (this.options.patient ? PATIENT_BEATS : STALLED_BEATS)) this.close("slow");
  }

  /** Idempotent; the first reason counts. `slow` and `failed` break the connection, so that nobody takes the stream for complete. */
  close(reason: CloseReason): void {
    if (this.signal.aborted) return;
    this.over.abort(new Error(`stream over: ${reason}`));
    if (reason === "slow" || reason === "failed") this.controller?.error(this.over.signal.reason);
    if (reason === "ended" || reason === "shutdown") this.finish();
    this.shared.resolve(reason);
    this.queue.wake();
    this.onClose(reason);
  }

  private finish(): void {
    try {
      const rest = this.queue.shift();
      if (rest) this.controller?.enqueue(rest);
      this.controller?.close();
    } catch {
      // It broke a moment ago, and there is nobody left to tell.
    }
  }

  /** Never throws: a connection that broke a moment ago must not disturb the readers after it. */
  private hand(bytes: Uint8Array): void {
    try {
      this.controller?.enqueue(bytes);
    } catch {
      this.close("client");
    }
  }
}
