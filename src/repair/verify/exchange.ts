import { STATUS_CODES } from "node:http";
import { finalHead, shownGarbage } from "../../kernel/http-answer.ts";
import { errnoOf, messageOf } from "../../kernel/errors.ts";
import type { PostTarget } from "../../kernel/webhook/post.ts";
import { parseAnswer } from "../../supervise/probes/http-exchange.ts";

/** How much of a body is read. */
export const MAX_BODY_BYTES = 1024 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_BYTES = MAX_HEAD_BYTES + MAX_BODY_BYTES;
const CHUNKED_END = "0\r\n\r\n";

export type Answer =
  | { readonly status: number; /** `404 Not Found`. */ readonly line: string; readonly location?: string; readonly body: string }
  | { readonly problem: string };

/**
 * One request over a connection of its own. Not `fetch`: that obeys HTTP_PROXY, follows redirects, and cannot be told which address to take. Certificates
 * are not checked: what is asked is whether the service answers. Never rejects; ends when the signal aborts.
 */
export function exchange(
  { address: hostname, port, serverName }: PostTarget,
  request: Buffer,
  { wantsBody, signal }: { readonly wantsBody: boolean; readonly signal: AbortSignal },
): Promise<Answer> {
  const answer = Promise.withResolvers<Answer>();
  const fail = (problem: string): void => answer.resolve({ problem });
  const reading = new Reading(wantsBody);
  let unsent = request;
  const send = (socket: Bun.Socket): void => {
    unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  };
  const settle = (closed: boolean): void => {
    const found = reading.answer(closed);
    if (found) answer.resolve(found);
  };
  const connecting = Bun.connect({
    hostname,
    port,
    ...(serverName !== undefined && { tls: { serverName, rejectUnauthorized: false } }),
    socket: {
      open: send,
      drain: send,
      data: (_socket, chunk) => {
        reading.push(chunk);
        settle(false);
      },
      error: (_socket, error) => fail(troubleOf(error)),
      end: (socket) => void socket.end(),
      close: () => settle(true),
    },
  });
  connecting.catch((error: unknown) => fail(troubleOf(error)));
  const onAbort = (): void => fail("cancelled");
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return answer.promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    connecting.then((socket) => socket.terminate()).catch(() => undefined);
  });
}

/** What has come, parsed when it is whole: a body that comes in a thousand pieces is not read a thousand times. */
class Reading {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private tail = "";
  private head: string | undefined;
  /** All bytes of it; undefined: until it is closed, or ends as chunked bodies do. */
  private due: number | undefined;
  private isChunked = false;

  constructor(private readonly wantsBody: boolean) {}

  push(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
    this.size += chunk.length;
    this.tail = (this.tail + chunk.toString("latin1").slice(-CHUNKED_END.length)).slice(-CHUNKED_END.length);
  }

  answer(closed: boolean): Answer | undefined {
    if (this.head === undefined) this.readHead();
    if (this.head === undefined) return this.noHead(closed);
    if (!closed && !this.isWhole()) return undefined;
    // What looks like the end of a chunked body may be in the middle of it.
    const isOver = closed || !this.isChunked || this.size >= MAX_BYTES;
    const parsed = parseAnswer(this.text(), { wantsBody: this.wantsBody, closed: isOver });
    if (!parsed && !isOver) return undefined;
    if (!parsed) return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(this.text())}` };
    const { status, reason, body } = parsed;
    const location = /^location:[ \t]*(\S+)/im.exec(this.head)?.[1];
    const line = `${status} ${reason || (STATUS_CODES[status] ?? "")}`.trimEnd();
    return { status, line, body, ...(location !== undefined && { location }) };
  }

  private readHead(): void {
    const text = this.text();
    this.head = finalHead(text);
    if (this.head === undefined) return;
    const start = text.indexOf(this.head) + this.head.length + 4;
    this.isChunked = /^transfer-encoding:.*\bchunked\b/im.test(this.head);
    const length = /^content-length:\s*(\d+)/im.exec(this.head)?.[1];
    if (!this.wantsBody) this.due = start;
    else if (!this.isChunked && length !== undefined) this.due = start + Math.min(Number(length), MAX_BODY_BYTES);
  }

  private isWhole(): boolean {
    if (this.size >= MAX_BYTES) return true;
    return this.due === undefined ? this.isChunked && this.tail === CHUNKED_END : this.size >= this.due;
  }

  private noHead(closed: boolean): Answer | undefined {
    if (this.size > MAX_HEAD_BYTES) return { problem: `the head of the answer is larger than ${MAX_HEAD_BYTES} bytes` };
    if (!closed) return undefined;
    if (this.size === 0) return { problem: "the connection was closed without an answer" };
    return { problem: `the answer is not HTTP/1.1: it begins with ${shownGarbage(this.text())}` };
  }

  private text(): string {
    return Buffer.concat(this.chunks).toString("latin1", 0, MAX_BYTES);
  }
}

function troubleOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === "ECONNREFUSED") return "the connection was refused";
  if (code === "ECONNRESET" || code === "EPIPE") return "the connection was reset";
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") return "there is no route to it";
  return `the connection failed (${code ?? messageOf(error)})`;
}
