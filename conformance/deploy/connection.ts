import { connect, type Socket } from "node:net";
import { type Head, parseHead, parseReply, type Reply } from "./http.ts";

/** How long the proxy may take for one answer. */
const PATIENCE_MS = 15_000;

/**
 * One TCP connection to the proxy. A client of its own, because those of runtimes repeat a request by themselves
 * when a connection was closed under it, and such a failure is what the suite looks for.
 */
export class Connection {
  private received = "";
  private ended = false;
  private problem = "the connection was closed";
  private changed = Promise.withResolvers<void>();
  private constructor(
    private readonly socket: Socket,
    private readonly host: string,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
      this.wake();
    });
    socket.on("error", (error) => (this.problem = error.message));
    socket.on("end", () => {
      this.end();
      socket.end();
    });
    socket.on("close", () => this.end());
  }

  /** Nothing is sent before the first request; a refused connection shows there. */
  static open(url: URL): Connection {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    return new Connection(connect({ host, port: Number(url.port || 80) }), url.host);
  }

  get closed(): boolean {
    return this.ended;
  }

  /** One request and its whole answer. Throws when it is torn, refused or too late. */
  async get(path: string): Promise<Reply> {
    const reply = await this.ask(path, () => parseReply(this.received, this.ended));
    this.received = "";
    if (reply.last) this.close();
    return reply;
  }

  /** One request whose answer goes on: resolves with its head; the rest is in `text`. */
  stream(path: string): Promise<Head> {
    return this.ask(path, () => parseHead(this.received));
  }

  /** All that has arrived since the last request. */
  get text(): string {
    return this.received;
  }

  close(): void {
    this.socket.destroy();
    this.end();
  }

  private async ask<T>(path: string, parse: () => T | undefined): Promise<T> {
    this.received = "";
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.host}\r\nAccept: */*\r\n\r\n`);
    const late = setTimeout(() => {
      this.problem = `no whole answer within ${PATIENCE_MS / 1000} s`;
      this.socket.destroy();
    }, PATIENCE_MS);
    try {
      for (;;) {
        const parsed = parse();
        if (parsed !== undefined) return parsed;
        if (this.ended) throw new Error(`${this.problem} ${this.received === "" ? "before the answer" : "in the middle of the answer"}`);
        await this.changed.promise;
      }
    } finally {
      clearTimeout(late);
    }
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    const { resolve } = this.changed;
    this.changed = Promise.withResolvers();
    resolve();
  }
}
