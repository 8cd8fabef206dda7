import { connect, createServer, type Server, type Socket } from "node:net";

const PATIENCE_MS = 15_000;

/** One end of a raw connection: every byte that came, how it ended, and a way to wait. Bytes are latin1 characters. */
export class Peer {
  text = "";
  /** Also of bytes that `quiet` did not keep. */
  bytes = 0;
  quiet = false;
  /** The other side sends no more. */
  ended = false;
  closed = false;
  /** errno of an end that was not clean: ECONNRESET. */
  error: string | undefined;
  private wakers: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      this.bytes += bytes.length;
      if (!this.quiet) this.text += bytes.toString("latin1");
      this.changed({});
    });
    socket.on("end", () => this.changed({ ended: true }));
    socket.on("error", (error: NodeJS.ErrnoException) => this.changed({ error: error.code ?? error.message }));
    socket.on("close", () => this.changed({ closed: true }));
  }

  static connect(port: number): Peer {
    return new Peer(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Half-closes. */
  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Until `wanted` is in the text, or true. Fails when the connection ends first. */
  async until(wanted: string | RegExp | ((peer: Peer) => boolean)): Promise<string> {
    const met = (): boolean => {
      if (typeof wanted === "function") return wanted(this);
      return typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text);
    };
    const timeout = AbortSignal.timeout(PATIENCE_MS);
    while (!met()) {
      if (this.closed || timeout.aborted) throw new Error(`waited in vain for ${String(wanted)}; ${this.state()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.wakers.push(resolve);
      timeout.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    return this.text;
  }

  /** Until the end, which must be a clean one; all that came. */
  async untilEnd(): Promise<string> {
    await this.until((peer) => peer.ended || peer.error !== undefined);
    if (this.error !== undefined) throw new Error(`the connection broke: ${this.state()}`);
    return this.text;
  }

  /** Until the other side has reset the connection; a clean end fails. */
  async untilReset(): Promise<void> {
    await this.until((peer) => peer.closed || peer.ended);
    if (this.error !== "ECONNRESET") throw new Error(`the connection was not reset: ${this.state()}`);
  }

  private changed(to: { ended?: true; closed?: true; error?: string }): void {
    Object.assign(this, to);
    for (const wake of this.wakers.splice(0)) wake();
  }

  private state(): string {
    return JSON.stringify({ text: this.text.slice(-400), bytes: this.bytes, ended: this.ended, closed: this.closed, error: this.error });
  }
}

/** A target that does only what a test tells it: its connections in the order in which they came. */
export class RawTarget {
  readonly connections: Peer[] = [];
  private readonly waiting: ((peer: Peer) => void)[] = [];
  private taken = 0;

  private constructor(
    private readonly server: Server,
    readonly id: string,
    readonly port: number,
  ) {
    server.on("connection", (socket) => {
      const peer = new Peer(socket);
      this.connections.push(peer);
      const next = this.waiting.shift();
      if (next) this.taken++;
      next?.(peer);
    });
  }

  static async listen(id: string, port = 0): Promise<RawTarget> {
    const server = createServer({ allowHalfOpen: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
    await promise;
    const address = server.address();
    return new RawTarget(server, id, typeof address === "object" && address ? address.port : 0);
  }

  /** The next connection that nobody has asked for yet. */
  async connection(): Promise<Peer> {
    const known = this.connections[this.taken];
    if (known) {
      this.taken++;
      return known;
    }
    const { promise, resolve } = Promise.withResolvers<Peer>();
    this.waiting.push(resolve);
    return promise;
  }

  /** The same, when the head of a request is there. */
  async next(): Promise<Peer> {
    const peer = await this.connection();
    await peer.until("\r\n\r\n");
    return peer;
  }

  /** Answers every request without a body, on every connection from now on, until one begins with `silence`. */
  answerAll(bytes: string, silence = "\0"): void {
    void this.connection().then((peer) => {
      this.answerAll(bytes, silence);
      let answered = 0;
      const look = (): void => {
        const heads = peer.text.split("\r\n\r\n").slice(answered, -1);
        for (const head of heads) {
          if (head.startsWith(silence)) return;
          answered++;
          peer.write(bytes);
        }
      };
      peer.socket.on("data", look);
      look();
    });
  }

  /** All that ever came. */
  get heard(): string {
    return this.connections.map(({ text }) => text).join("\n--\n");
  }

  /** Refuses connections from now on. */
  close(): void {
    this.server.close();
    for (const { socket } of this.connections) socket.destroy();
  }
}
