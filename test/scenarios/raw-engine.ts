import { createServer, type Server, type Socket } from "node:net";

/** A request as the engine got it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** As JSON. */
  readonly json: Record<string, unknown>;
}

export const STREAM_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

/** Frames of a completion. */
export const said = (text: string): string => `data: ${JSON.stringify({ choices: [{ index: 0, text, finish_reason: null }] })}\n\n`;
export const FINISH = `data: ${JSON.stringify({ choices: [{ index: 0, text: "", finish_reason: "stop" }] })}\n\n`;
export const DONE = "data: [DONE]\n\n";
/** The same of a chat. */
export const spoken = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
export const CHAT_FINISH = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\n`;

/** An answer that is no stream. */
export function whole(status: number, body: string, more = ""): string {
  return `HTTP/1.1 ${status} Whatever\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n${more}\r\n${body}`;
}

/** An engine made of a socket: says what it serves, and answers each POST with whatever the test writes. */
export class RawEngine implements Disposable {
  /** Its POSTs. */
  readonly asked: Asked[] = [];
  /** Sockets on which a POST is, in their order. */
  readonly sockets: Socket[] = [];
  private readonly server: Server;
  private readonly open = new Set<Socket>();

  private constructor(
    private readonly answer: (socket: Socket, asked: Asked, n: number) => void,
    private readonly models: readonly string[],
  ) {
    this.server = createServer((socket) => this.serve(socket));
  }

  static async start(answer: (socket: Socket, asked: Asked, n: number) => void, models: readonly string[] = ["chain"]): Promise<RawEngine> {
    const engine = new RawEngine(answer, models);
    await new Promise<void>((resolve) => engine.server.listen(0, "127.0.0.1", resolve));
    return engine;
  }

  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  [Symbol.dispose](): void {
    for (const socket of this.open) socket.destroy();
    this.server.close();
  }

  private serve(socket: Socket): void {
    this.open.add(socket);
    socket.on("close", () => this.open.delete(socket));
    socket.on("error", () => undefined);
    let got = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      for (let read = readRequest(got); read; read = readRequest(got)) {
        got = got.subarray(read.length);
        this.handle(socket, read.asked);
      }
    });
  }

  private handle(socket: Socket, asked: Asked): void {
    if (asked.method === "GET") {
      socket.end(whole(200, JSON.stringify({ object: "list", status: "ok", data: this.models.map((id) => ({ id, object: "model" })) })));
      return;
    }
    this.sockets.push(socket);
    this.answer(socket, asked, this.asked.push(asked) - 1);
  }
}

function readRequest(bytes: Buffer): { asked: Asked; length: number } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const length = end + 4 + Number(headers["content-length"] ?? 0);
  if (bytes.length < length) return undefined;
  const body = bytes.subarray(end + 4, length).toString();
  const [method = "", path = ""] = first.split(" ");
  return { asked: { method, path, headers, body, json: body === "" ? {} : JSON.parse(body) }, length };
}

/** A whole answer of one word. */
export const ANSWER = `${STREAM_HEAD}${said("a")}${FINISH}${DONE}`;
