import { readFileSync } from "node:fs";
import type { Socket, TCPSocketListener } from "bun";

/** An answer as it was recorded (`wire/*.txt`): head lines, and the body as `curl -i` shows it. */
export interface Sample {
  readonly head: string;
  readonly body: string;
}

/** How the bytes of an answer go out, and what becomes of the connection. */
export interface Replay {
  readonly bytes: Buffer;
  /** Bytes per write, one write per turn of the event loop; all at once when absent. */
  readonly pieces?: number;
  readonly ends?: "keep" | "close" | "reset" | "hang";
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Which connection it came on, from 0. */
  readonly connection: number;
}

const WIRE = new URL("wire/", import.meta.url).pathname;

export function samplesOf(engine: string): ReadonlyMap<string, Sample> {
  const sections = readFileSync(`${WIRE}${engine}.txt`, "utf8").split(/^### /m).slice(1);
  return new Map(
    sections.map((section) => {
      const [name, rest] = halves(section, "\n");
      const [head, body] = halves(rest, "\n\n");
      return [name, { head: head.trimEnd(), body: /event-stream/.test(head) ? body : body.trimEnd() }];
    }),
  );
}

/** The recorded answer as bytes. A chunked one has a chunk per frame, or one per `chunkBytes`; `trailer` is a line behind them. */
export function bytesOf({ head, body }: Sample, { chunkBytes, trailer = "" }: { chunkBytes?: number; trailer?: string } = {}): Buffer {
  const lines = head.split("\n").filter((line) => !/^content-length:/i.test(line));
  if (!/^transfer-encoding: *chunked/im.test(head)) {
    return Buffer.from(`${[...lines, `Content-Length: ${Buffer.byteLength(body)}`].join("\r\n")}\r\n\r\n${body}`);
  }
  const whole = Buffer.from(body);
  const chunks = chunkBytes ? cut(whole, chunkBytes) : body.split(/(?<=\n\n|\r\r|\r\n\r\n)/).map((frame) => Buffer.from(frame));
  const framed = chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), ...framed, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

/** A server that answers with bytes it was given, whatever it is asked, and says when its clients left. */
export class WireEngine implements Disposable {
  readonly asked: Asked[] = [];
  /** Connections that have ended, however. */
  closed = 0;
  connections = 0;
  /** Answers that were handed to the kernel whole. */
  sent = 0;
  private readonly listener: TCPSocketListener<Conversation>;
  private replays: Replay[] = [];
  private readonly byPath = new Map<string, Replay>();

  constructor() {
    this.listener = Bun.listen<Conversation>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: false,
      socket: {
        open: (socket) => {
          socket.data = { number: this.connections++, received: "", over: false };
          socket.setNoDelay(true);
        },
        data: (socket, bytes) => this.take(socket, bytes),
        drain: (socket) => socket.data.drained?.(),
        close: (socket) => {
          socket.data.over = true;
          socket.data.drained?.();
          this.closed += 1;
        },
        error: () => {},
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.listener.port}`;
  }

  /** The next answers, in order; the last one stays. */
  answer(...replays: Replay[]): void {
    this.replays = replays;
  }

  /** The answer to all requests for a path, in place of the next ones. */
  answerTo(path: string, replay: Replay): void {
    this.byPath.set(path, replay);
  }

  [Symbol.dispose](): void {
    this.listener.stop(true);
  }

  private take(socket: Socket<Conversation>, bytes: Buffer): void {
    socket.data.received += bytes.toString("latin1");
    const [head, rest] = halves(socket.data.received, "\r\n\r\n");
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (!socket.data.received.includes("\r\n\r\n") || rest.length < length) return;
    socket.data.received = "";
    const [first = "", ...lines] = head.split("\r\n");
    const [method = "", path = ""] = first.split(" ");
    const headers = Object.fromEntries(lines.map((line) => halves(line.toLowerCase(), ": ")));
    this.asked.push({ method, path, headers, body: Buffer.from(rest, "latin1").toString("utf8"), connection: socket.data.number });
    const replay = this.byPath.get(path) ?? this.next();
    if (replay) void send(socket, replay).then(() => (this.sent += 1));
  }

  private next(): Replay | undefined {
    return this.replays.length > 1 ? this.replays.shift() : this.replays[0];
  }
}

interface Conversation {
  readonly number: number;
  received: string;
  over: boolean;
  drained?: () => void;
}

async function send(socket: Socket<Conversation>, { bytes, pieces = bytes.length, ends = "keep" }: Replay): Promise<void> {
  for (const piece of cut(bytes, pieces)) {
    for (let rest = piece; rest.length > 0 && !socket.data.over;) {
      rest = rest.subarray(Math.max(0, socket.write(rest)));
      if (rest.length > 0) await new Promise<void>((resolve) => (socket.data.drained = resolve));
    }
    if (pieces < bytes.length) await new Promise((resolve) => setImmediate(resolve));
  }
  if (ends === "close") socket.end();
  if (ends === "reset") socket.terminate();
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const step = Math.max(1, size);
  return Array.from({ length: Math.ceil(bytes.length / step) }, (_, at) => bytes.subarray(at * step, (at + 1) * step));
}

function halves(text: string, at: string): [string, string] {
  const found = text.indexOf(at);
  return found === -1 ? [text, ""] : [text.slice(0, found), text.slice(found + at.length)];
}

// By hand: `bun test/programs/wire-engine.ts llamacpp "chat usage"`.
if (import.meta.main) {
  const [name = "llamacpp", which = "chat usage"] = process.argv.slice(2);
  const sample = samplesOf(name).get(which);
  if (!sample) throw new Error(`${name}.txt has no sample "${which}"; it has: ${[...samplesOf(name).keys()].join(", ")}`);
  const engine = new WireEngine();
  engine.answer({ bytes: bytesOf(sample) });
  console.log(engine.url);
}
