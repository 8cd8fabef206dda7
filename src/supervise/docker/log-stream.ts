import type { Socket } from "bun";
import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "./engine.ts";

export interface LogRequest {
  readonly engine: Engine;
  /** Id of the container. */
  readonly id: string;
  /** Go on until the container ends. */
  readonly follow: boolean;
  /** Epoch ms; older lines are left out. */
  readonly sinceMs?: number;
  readonly signal: AbortSignal;
  /** Bytes of the answer as they come, to be read before it returns. What it throws ends the reading. */
  readonly onBytes: (bytes: Buffer) => void;
}

const HEAD_TIMEOUT_MS = 10_000;
const MAX_HEAD_BYTES = 64 * 1024;
/** There is no such container, or it is being removed. */
const GONE: ReadonlySet<number> = new Set([404, 409]);
const HEAD_END = "\r\n\r\n";

/**
 * Docker's log of a container, both streams in frames, each line with its time. It is read over a connection of its own, for it stays open as long as the
 * container runs, and fetch holds no more than 256 open in one process: here only descriptors bound how many are followed. HTTP/1.0, so that the
 * answer comes as it is, without chunks. Rejects with `not_found`, `unavailable` (facts: away), `timeout`, the signal's reason, or what `onBytes` threw.
 */
export function readLog(request: LogRequest): Promise<void> {
  const reading = new Reading(request);
  return reading.done;
}

class Reading {
  private readonly ended = Promise.withResolvers<void>();
  private head = "";
  private status = 0;
  private socket: Socket | undefined;
  private isOver = false;
  private readonly timer: Timer;
  private readonly onAbort = (): void => this.end(this.request.signal.reason);

  constructor(private readonly request: LogRequest) {
    const late = new OrcoError("timeout", `docker has not answered within ${HEAD_TIMEOUT_MS} ms`, { away: true });
    this.timer = setTimeout(() => this.end(late), HEAD_TIMEOUT_MS);
    request.signal.addEventListener("abort", this.onAbort, { once: true });
    if (request.signal.aborted) this.onAbort();
    else void this.connect().catch((error: unknown) => this.end(this.absence(error)));
  }

  get done(): Promise<void> {
    return this.ended.promise;
  }

  private async connect(): Promise<void> {
    const socket = {
      open: (opened: Socket): void => void opened.write(requestText(this.request)),
      data: (from: Socket, bytes: Buffer): void => this.take(from, bytes),
      close: (): void => this.closed(),
      error: (_: Socket, error: Error): void => this.end(this.absence(error)),
    };
    const { address } = this.request.engine;
    this.socket = await ("unix" in address ? Bun.connect({ ...address, socket }) : Bun.connect({ ...address, socket }));
    if (this.isOver) this.socket.terminate();
  }

  private take(socket: Socket, bytes: Buffer): void {
    if (this.isOver) return void socket.terminate();
    try {
      const body = this.status === 0 ? this.behindHead(bytes) : bytes;
      if (body.length === 0) return;
      if (this.status === 200) this.request.onBytes(body);
      else this.head += body.toString("utf8");
    } catch (error) {
      this.end(error);
    }
  }

  private behindHead(bytes: Buffer): Buffer {
    const before = this.head.length;
    this.head += bytes.toString("latin1");
    const at = this.head.indexOf(HEAD_END);
    if (at < 0 && this.head.length > MAX_HEAD_BYTES) throw new OrcoError("internal", "docker sent a head without an end");
    if (at < 0) return bytes.subarray(bytes.length);
    this.status = Number(/^HTTP\/1\.\d (\d{3})/.exec(this.head)?.[1] ?? 500);
    this.head = "";
    clearTimeout(this.timer);
    return bytes.subarray(at + HEAD_END.length - before);
  }

  private closed(): void {
    if (this.status === 200) this.end();
    else if (this.status === 0) this.end(this.absence("the connection was closed"));
    else this.end(new OrcoError(GONE.has(this.status) ? "not_found" : "internal", `docker: ${this.head.trim()}`, { status: this.status }));
  }

  private absence(cause: unknown): OrcoError {
    return new OrcoError("unavailable", `docker does not answer at ${this.request.engine.host}`, { away: true }, { cause });
  }

  private end(error?: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.request.signal.removeEventListener("abort", this.onAbort);
    this.socket?.terminate();
    if (error === undefined) this.ended.resolve();
    else this.ended.reject(error);
  }
}

function requestText({ id, follow, sinceMs, engine: { address } }: LogRequest): string {
  const query = new URLSearchParams({ follow: String(follow), stdout: "true", stderr: "true", timestamps: "true" });
  if (sinceMs !== undefined) query.set("since", (sinceMs / 1000).toFixed(3));
  const name = "unix" in address ? "docker" : address.hostname;
  return `GET /containers/${encodeURIComponent(id)}/logs?${query.toString()} HTTP/1.0\r\nHost: ${name}\r\n\r\n`;
}
