import type { Socket } from "bun";
import { WriteQueue } from "../../edge/write-queue.ts";
import { type MockRequest, RequestReader } from "./request-reader.ts";

/** Above it an answer waits until the client has read. */
const FULL_BYTES = 64 * 1024;
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  429: "Too Many Requests",
};

/** Answers a request, sooner or later, over the connection; returns what to do when the client goes before. */
export type Handler = (request: MockRequest, connection: Connection) => (() => void) | undefined;

/** One client. Requests are answered one after the other. */
export class Connection {
  private readonly reader = new RequestReader();
  private readonly queue = new WriteQueue();
  private busy = false;
  private ending = false;
  /** The client said that this request is its last (RFC 9112 §9.6). */
  private last = false;
  private handling = false;
  private onGone: (() => void) | undefined;
  private onDrain: (() => void) | undefined;

  constructor(
    private readonly socket: Socket<Connection>,
    private readonly handler: Handler,
  ) {
    // Else a token may wait for the client's delayed acknowledgement of the one before.
    socket.setNoDelay(true);
  }

  received(bytes: Buffer): void {
    this.reader.push(bytes);
    this.handle();
  }

  drained(): void {
    this.queue.flush((bytes) => this.socket.write(bytes));
    if (this.queue.bytes > 0) return;
    if (this.ending) this.socket.end();
    const { onDrain } = this;
    this.onDrain = undefined;
    onDrain?.();
  }

  /** The client has gone, or we have. */
  closed(): void {
    const { onGone } = this;
    this.onGone = undefined;
    this.queue.clear();
    onGone?.();
  }

  get full(): boolean {
    return this.queue.bytes >= FULL_BYTES;
  }

  /** Calls back once the client has read what waits. */
  whenDrained(then: () => void): void {
    this.onDrain = then;
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const taken = this.queue.bytes > 0 ? 0 : this.socket.write(bytes);
    if (taken >= 0 && taken < bytes.length) this.queue.push(bytes.subarray(taken));
  }

  answer(status: number, body: string, headers = ""): void {
    const head = `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`;
    this.write(head + body);
    this.next();
  }

  /** The answer is complete; what the client has sent meanwhile is its next request. */
  next(): void {
    if (this.last) return this.end();
    this.onGone = undefined;
    this.busy = false;
    if (!this.handling) this.handle();
  }

  /** Ends cleanly, once everything is written; then it is not the client who has gone. */
  end(): void {
    this.ending = true;
    this.onGone = undefined;
    if (this.queue.bytes === 0) this.socket.end();
  }

  /** A reset, as of a process that died. */
  reset(): void {
    this.ending = true;
    this.onGone = undefined;
    this.socket.terminate();
  }

  private handle(): void {
    this.handling = true;
    while (!this.busy && !this.ending && this.one());
    this.handling = false;
  }

  private one(): boolean {
    const request = this.reader.next();
    if (request === undefined) return false;
    if (typeof request === "number") {
      this.write(`HTTP/1.1 ${request} Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      this.end();
      return false;
    }
    this.busy = true;
    this.last = /(?:^|,)\s*close\s*(?:,|$)/i.test(request.header("connection"));
    const gone = this.handler(request, this);
    if (this.busy && !this.ending) this.onGone = gone;
    return true;
  }
}
