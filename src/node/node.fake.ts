import { connect } from "bun";
import { dial } from "../edge/sockets.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import type { PoolView } from "../inference/pools/pool.ts";
import { Book } from "./book.ts";
import { Gate } from "./gate.ts";
import { pagesOf } from "./pages.ts";
import { reportOf } from "./report.ts";
import { type NodeServer, serveNode } from "./server.ts";

export const KEYS = { apiKey: "the key of this node", relayKey: "only for the relay" } as const;

/** The server of a node for engines of a test's own. */
export class ServedNode {
  readonly book = new Book();
  readonly server: NodeServer;

  constructor(urls: readonly string[], keys: Partial<typeof KEYS> = {}, clock: Clock = systemClock()) {
    this.book.pools = [poolView(urls)];
    const entries = async () =>
      reportOf(this.book.pools, {
        base: "http://n",
        isOwnAddress: () => false,
        vramFreeBytes: 0,
        ...(keys.relayKey && { relayKey: keys.relayKey }),
      });
    const gate = new Gate({ ...keys, loopbackOnly: true });
    this.server = serveNode({ clock, dial, book: this.book, gate, page: pagesOf(this.book, entries) }, { host: "127.0.0.1", port: 0 });
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  close(): Promise<void> {
    return this.server.close(0, new AbortController().signal);
  }
}

export function poolView(urls: readonly string[], over: Partial<PoolView> = {}): PoolView {
  const replicas = urls.map((url, index) => ({ id: `r${index}`, url, ready: true, draining: false, slots_total: 2, slots_free: 2 }));
  const slots = 2 * urls.length;
  const rest = { source: "stack", ready: true, draining: false, queue_depth: 0, slots_total: slots, slots_free: slots } as const;
  return { id: "chat", engine: "mock", models: ["chain"], replicas, ...rest, ...over };
}

export interface RawEnd {
  readonly text: string;
  /** The connection was reset. */
  readonly broken: boolean;
}

/** A client that says what it is told to and hears everything. */
export class RawClient {
  private text = "";
  private readonly heard: (() => void)[] = [];
  readonly ended: Promise<RawEnd>;
  private socket!: Bun.Socket;

  private constructor(private readonly finish: PromiseWithResolvers<RawEnd>) {
    this.ended = finish.promise;
  }

  /** `staysOpen`: also when the other side has ended. */
  static async open(port: number, { staysOpen = false } = {}): Promise<RawClient> {
    const client = new RawClient(Promise.withResolvers());
    client.socket = await connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: staysOpen,
      socket: {
        data: (_socket, bytes) => client.take(bytes.toString("latin1")),
        close: (_socket, error) => client.finish.resolve({ text: client.text, broken: error !== undefined && error !== null }),
        error: () => client.finish.resolve({ text: client.text, broken: true }),
      },
    });
    return client;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Resolves when what came holds the text. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise<void>((resolve) => this.heard.push(resolve));
  }

  /** Reads no more. */
  pause(): void {
    this.socket.pause();
  }

  /** With FIN. */
  close(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.terminate();
  }

  private take(text: string): void {
    this.text += text;
    for (const wake of this.heard.splice(0)) wake();
  }
}

export function post(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}
