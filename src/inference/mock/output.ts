import type { Connection } from "./connection.ts";
import type { Shape, FinishReason } from "./shape.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
const CRLF = Buffer.from("\r\n");

/** Where the pieces of an answer go. */
export interface Output {
  open(): void;
  token(text: string): void;
  /** Writes what has gathered since the last time. */
  flush(): void;
  /** A frame as it is, which need not be text. */
  raw(frame: Uint8Array): void;
  finish(end: { reason: FinishReason; tokens: number }): void;
}

/** Which of the last frames are left out. */
export interface Ending {
  readonly usage: boolean;
  readonly finish: boolean;
  readonly done: boolean;
}

/** Server-sent events in a chunked body: one chunk a frame, one write a flush. */
export class StreamOutput implements Output {
  private gathered = "";

  constructor(
    private readonly connection: Connection,
    private readonly shape: Shape,
    private readonly ending: Ending,
  ) {}

  open(): void {
    this.connection.write(HEAD + this.shape.first.map(chunked).join(""));
  }

  token(text: string): void {
    this.gathered += chunked(this.shape.token(text));
  }

  flush(): void {
    if (this.gathered === "") return;
    this.connection.write(this.gathered);
    this.gathered = "";
  }

  raw(frame: Uint8Array): void {
    this.flush();
    this.connection.write(Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, CRLF]));
  }

  finish({ reason, tokens }: { reason: FinishReason; tokens: number }): void {
    const { usage, finish, done } = this.ending;
    if (finish) this.gathered += chunked(this.shape.last(reason));
    if (finish && usage) this.gathered += chunked(this.shape.usage(tokens));
    if (finish && done) this.gathered += chunked("[DONE]");
    this.gathered += "0\r\n\r\n";
    this.flush();
  }
}

/** One JSON object at the end. */
export class WholeOutput implements Output {
  private text = "";

  constructor(
    private readonly connection: Connection,
    private readonly shape: Shape,
  ) {}

  open(): void {}

  flush(): void {}

  raw(): void {}

  token(text: string): void {
    this.text += text;
  }

  finish(end: { reason: FinishReason; tokens: number }): void {
    const body = this.shape.whole(this.text, end);
    this.connection.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }
}

function chunked(data: string): string {
  return `${(Buffer.byteLength(data) + 8).toString(16)}\r\ndata: ${data}\n\n\r\n`;
}
