/** One HTTP/1.1 connection of a load generator that is kept: it costs a fraction of `fetch`, so that the server under test has the cores. */
import { connect, type Socket } from "bun";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export class Lane {
  private socket: Socket | undefined;
  private text = "";
  private waiting: PromiseWithResolvers<Answer> | undefined;

  constructor(private readonly url: URL) {}

  /** One at a time. Rejects when the connection is lost. */
  async ask(method: string, path: string, body?: unknown, headers = ""): Promise<Answer> {
    const socket = (this.socket ??= await this.open());
    const waiting = Promise.withResolvers<Answer>();
    this.waiting = waiting;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const content = sent === undefined ? "" : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(sent)}\r\n`;
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: ${this.url.host}\r\n${headers}${content}\r\n${sent ?? ""}`);
    return waiting.promise;
  }

  close(): void {
    this.waiting = undefined;
    this.socket?.end();
  }

  private open(): Promise<Socket> {
    const lost = (): void => this.waiting?.reject(new Error(`${this.url.host} closed the connection`));
    return connect({
      hostname: this.url.hostname,
      port: Number(this.url.port),
      socket: { data: (_, bytes) => this.take(bytes.toString("latin1")), close: lost, end: lost, error: lost },
    });
  }

  private take(text: string): void {
    this.text += text;
    const answer = answerIn(this.text);
    if (!answer) return;
    this.text = "";
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }
}

/** Undefined: not whole yet. */
function answerIn(text: string): Answer | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head === -1) return undefined;
  const body = text.slice(head + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head + 2))?.[1];
  const isWhole = length === undefined ? body.endsWith("0\r\n\r\n") : body.length >= Number(length);
  return isWhole ? { status: Number(text.slice(9, 12)), body } : undefined;
}
