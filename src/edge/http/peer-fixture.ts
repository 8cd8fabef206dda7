import { connect, createServer, type Server, type Socket } from "node:net";

/** One end of a raw connection in a test: what came, and a way to wait for it. */
export class Peer {
  /** latin1. */
  text = "";
  /** Counts also what `quiet` does not keep. */
  bytes = 0;
  ended = false;
  closed = false;
  /** errno of an end that was not clean. */
  error: string | undefined;
  quiet = false;
  private wake: () => void = () => {};

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      this.bytes += bytes.length;
      if (!this.quiet) this.text += bytes.toString("latin1");
      this.wake();
    });
    socket.on("end", () => this.changed({ ended: true }));
    socket.on("error", (error: NodeJS.ErrnoException) => this.changed({ error: error.code ?? error.message }));
    socket.on("close", () => this.changed({ closed: true }));
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Half-closes. */
  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Until `wanted` is in the text, or true. Fails when the connection ends first, or after 5 s. */
  async until(wanted: string | RegExp | ((peer: Peer) => boolean)): Promise<string> {
    const met = (): boolean => {
      if (typeof wanted === "function") return wanted(this);
      return typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text);
    };
    const timeout = AbortSignal.timeout(15_000);
    while (!met()) {
      if (this.closed || timeout.aborted) throw new Error(`waited in vain for ${String(wanted)}; ${this.state()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wake = resolve;
      timeout.addEventListener("abort", () => resolve());
      await promise;
    }
    return this.text;
  }

  /** Until nothing more can come; the text. */
  async untilEnd(): Promise<string> {
    return this.until((peer) => peer.ended || peer.closed);
  }

  private changed(to: { ended?: true; closed?: true; error?: string }): void {
    Object.assign(this, to);
    this.wake();
  }

  private state(): string {
    return JSON.stringify({ text: this.text.slice(-300), ended: this.ended, closed: this.closed, error: this.error });
  }
}

/** A target under the control of a test: its connections in the order in which they came. */
export class RawTarget {
  readonly connections: Peer[] = [];
  private readonly waiting: ((peer: Peer) => void)[] = [];

  private constructor(
    private readonly server: Server,
    readonly id: string,
  ) {
    server.on("connection", (socket) => {
      const peer = new Peer(socket);
      this.connections.push(peer);
      this.waiting.shift()?.(peer);
    });
  }

  static async listen(id: string, port = 0): Promise<RawTarget> {
    const server = createServer({ allowHalfOpen: true });
    const target = new RawTarget(server, id);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
    await promise;
    return target;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** The next connection that nobody has asked for yet, when its first request head is complete. */
  async next(): Promise<Peer> {
    const peer = await this.nextConnection();
    await peer.until("\r\n\r\n");
    return peer;
  }

  private taken = 0;

  async nextConnection(): Promise<Peer> {
    const known = this.connections[this.taken++];
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<Peer>();
    this.waiting.push(resolve);
    return promise;
  }

  /** Refuses connections from now on. */
  close(): void {
    this.server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}

export function connectRaw(port: number): Peer {
  return new Peer(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
}
