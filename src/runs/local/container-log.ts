import { OrcoError } from "../../kernel/errors.ts";
import { containerLogs, type LogsOptions } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { Frame } from "../../supervise/docker/frames.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import { Tail, type TailLine } from "./container-tail.ts";
import type { ReadAt } from "./read-cursor.ts";

export type Stream = Frame["stream"];

/** A line as docker took it, at epoch ms. */
export interface ContainerLine extends TailLine {
  readonly stream: Stream;
  readonly at: number;
}

/** What has been taken of a log, and the times by which docker knows the lines again. */
export interface LogPosition {
  readonly stdout: ReadAt;
  readonly stderr: ReadAt;
  /** Of the very first line: another one means that docker has thrown away the beginning. */
  readonly first?: string;
  readonly last?: string;
}

export interface LogTaker {
  readonly position: LogPosition;
  readonly redactor: Redactor | undefined;
  /** Reading goes on when what it returns has resolved; that must not reject. */
  line(line: ContainerLine): Promise<void> | undefined;
  /** After the lines of each piece. */
  reached(position: LogPosition): void;
}

const STREAMS: readonly Stream[] = ["stdout", "stderr"];
const SPACE = 32;
const NOTHING = new Uint8Array(0);
/** `2026-01-02T03:04:05.123456789Z`, or with an offset. */
const MAX_TIME_CHARS = 35;

/** The log of one container, read on from where somebody stopped: each line once, though connections, docker and readers may come and go. */
export class ContainerLog {
  private readonly tails: Readonly<Record<Stream, Tail>>;
  private first: string | undefined;
  private last: string | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly id: string,
    private readonly taker: LogTaker,
  ) {
    const { position, redactor } = taker;
    this.tails = { stdout: new Tail(position.stdout, redactor), stderr: new Tail(position.stderr, redactor) };
    [this.first, this.last] = [position.first, position.last];
  }

  get position(): LogPosition {
    const { first, last, tails } = this;
    const known = { ...(first !== undefined && { first }), ...(last !== undefined && { last }) };
    return { stdout: tails.stdout.position, stderr: tails.stderr.position, ...known };
  }

  /** Reads until the container ends, or docker says so. */
  async follow(signal: AbortSignal): Promise<void> {
    const { first, last = "" } = this;
    let rotated: boolean | undefined;
    for (const stream of STREAMS) this.tails[stream].rewind();
    await this.read({ follow: true, signal }, ({ tail, time, data }) => {
      if (rotated === undefined) {
        rotated = first !== undefined && time !== first;
        this.first = time;
      }
      return rotated ? since(time, last, data) : tail.unseen(data);
    });
  }

  /** Once it has ended: docker may close a followed log before its last lines were sent (20.10, one container in forty that ended four at a time). */
  async rest(signal: AbortSignal): Promise<void> {
    const from = this.last === undefined ? 0 : Math.floor(Date.parse(this.last) / 1000) - 1;
    await this.read({ since: String(from), signal }, ({ tail, time, data }) => since(time, tail.time, data));
    for (const stream of STREAMS) await this.hand(stream, this.tails[stream].flush());
    this.taker.reached(this.position);
  }

  private async read(options: LogsOptions, wanted: (frame: Timed & { tail: Tail }) => Uint8Array): Promise<void> {
    for await (const frames of containerLogs(this.engine, this.id, { ...options, timestamps: true })) {
      for (const { stream, data: bytes } of frames) {
        const frame = timed(bytes);
        const tail = this.tails[stream];
        const data = wanted({ ...frame, tail });
        if (frame.time > tail.time) tail.time = frame.time;
        if (frame.time > (this.last ?? "")) this.last = frame.time;
        if (data.length > 0) await this.hand(stream, tail.take(data));
      }
      this.taker.reached(this.position);
    }
  }

  private async hand(stream: Stream, lines: Iterable<TailLine>): Promise<void> {
    const at = Date.parse(this.tails[stream].time);
    for (const line of lines) {
      const taken = this.taker.line({ ...line, stream, at });
      if (taken) await taken;
    }
  }
}

interface Timed {
  readonly time: string;
  readonly data: Uint8Array;
}

/** Docker puts the time before each message, and each message into a frame. */
function timed(bytes: Uint8Array): Timed {
  const space = bytes.subarray(0, MAX_TIME_CHARS + 1).indexOf(SPACE);
  if (space < 0) throw new OrcoError("internal", "docker sent a line of the log without its time");
  return { time: Buffer.from(bytes.buffer, bytes.byteOffset, space).toString("latin1"), data: bytes.subarray(space + 1) };
}

/** Times of one engine are of one length and zone, so they compare as text. */
function since(time: string, last: string, data: Uint8Array): Uint8Array {
  return time > last ? data : NOTHING;
}
