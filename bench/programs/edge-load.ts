/**
 * A steady load for the benches of swaps and updates, as its own process: `edge-load.ts PORT SECONDS [closed]` writes one line a request,
 * `kind start(epoch ms) latency(ms) outcome`. Open loop: each client asks when its time has come, and latency counts from then on.
 * Closed: it asks again that long after its last answer, until its stdin ends.
 */
import { connect, type Socket } from "bun";

const KINDS = [
  { kind: "kept", clients: 16, everyMs: 20, path: "/" },
  { kind: "new", clients: 4, everyMs: 20, path: "/" },
  { kind: "slow", clients: 4, everyMs: 250, path: "/slow" },
] as const;
const PATIENCE_MS = 10_000;

type Kind = (typeof KINDS)[number];

/** One answer: ends with the body that Content-Length announces. */
class Answer {
  private text = "";

  /** Undefined: not whole yet. */
  take(bytes: Buffer): { ok: boolean; close: boolean } | undefined {
    this.text += bytes.toString("latin1");
    const head = this.text.indexOf("\r\n\r\n");
    if (head === -1) return undefined;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.text)?.[1] ?? 0);
    if (this.text.length < head + 4 + length) return undefined;
    return { ok: this.text.startsWith("HTTP/1.1 200 "), close: /\r\nconnection: *close/i.test(this.text) };
  }
}

interface Waiting {
  readonly answer: Answer;
  readonly done: (outcome: string, close: boolean) => void;
}

class Client {
  private socket: Socket | undefined;
  private waiting: Waiting | undefined;

  constructor(
    private readonly port: number,
    private readonly kind: Kind,
  ) {}

  async ask(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const late = setTimeout(() => this.over("late", true), PATIENCE_MS);
    const fresh = this.socket === undefined;
    this.waiting = {
      answer: new Answer(),
      done: (outcome, close) => {
        clearTimeout(late);
        if (close || this.kind.kind !== "kept") this.drop();
        resolve(outcome);
      },
    };
    try {
      if (fresh) await this.open();
      this.socket?.write(
        `GET ${this.kind.path} HTTP/1.1\r\nHost: bench.test\r\n${this.kind.kind === "kept" ? "" : "Connection: close\r\n"}\r\n`,
      );
    } catch (error) {
      this.over(`connect:${error instanceof Error && "code" in error ? String(error.code) : "error"}`, true);
    }
    return promise;
  }

  private async open(): Promise<void> {
    this.socket = await connect({
      hostname: "127.0.0.1",
      port: this.port,
      socket: {
        data: (socket, bytes) => {
          if (socket !== this.socket) return;
          const got = this.waiting?.answer.take(bytes);
          if (got) this.over(got.ok ? "ok" : "refused", got.close);
        },
        close: (socket) => this.lost(socket),
        end: (socket) => this.lost(socket),
        error: (socket) => this.lost(socket),
      },
    });
  }

  /** Between two requests it is no failure: the next one opens another connection. */
  private lost(socket: Socket): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    this.over("lost", true);
  }

  private drop(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.end();
  }

  private over(outcome: string, close: boolean): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.done(outcome, close);
  }
}

async function run(client: Client, kind: Kind, when: { from: number; until: number }): Promise<void> {
  for (let at = when.from; at < when.until && !stopped.aborted; at = (closed ? now() : at) + kind.everyMs) {
    const wait = at - now();
    if (wait > 0) await Bun.sleep(wait);
    const outcome = await client.ask();
    lines.push(`${kind.kind} ${at.toFixed(2)} ${(now() - at).toFixed(2)} ${outcome}`);
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

const [port = 0, seconds = 1] = process.argv.slice(2, 4).map(Number);
const closed = process.argv[4] === "closed";
const stop = new AbortController();
const stopped = stop.signal;
if (closed) void Bun.stdin.text().finally(() => stop.abort());
const lines: string[] = [];
const start = now() + 50;
const all = KINDS.flatMap((kind) =>
  Array.from({ length: kind.clients }, (_, number) => {
    const from = start + (number * kind.everyMs) / kind.clients;
    return run(new Client(port, kind), kind, { from, until: start + seconds * 1000 });
  }),
);
await Promise.all(all);
await Bun.write(Bun.stdout, `${lines.join("\n")}\n`);
process.exit(0);
