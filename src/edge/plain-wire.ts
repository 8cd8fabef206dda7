import type { Socket, SocketHandler } from "bun";
import type { Wire, WireHandlers } from "./wire.ts";
import { canonicalAddress, ResetByPeer, ResetHere } from "./wire-ends.ts";
import { WriteQueue } from "./write-queue.ts";

/** A `Wire` over one of Bun's sockets, which must have been opened with `allowHalfOpen`. Bun has set TCP_NODELAY on it. */
export class PlainWire implements Wire {
  readonly secure = false;
  readonly serverName = undefined;
  closed = false;
  private readonly queue = new WriteQueue();
  private paused = false;
  private ending = false;
  private peerEnded = false;
  /** Bytes that came in spite of a pause, as they do just before a reset, were thrown away: the close to come is no clean one. */
  private lost = false;
  private address: string | undefined;

  constructor(
    private readonly socket: Socket<PlainWire>,
    public handlers: WireHandlers,
  ) {}

  /** Asked for once; "" when that was after the end. */
  get remoteAddress(): string {
    this.address ??= canonicalAddress(this.socket.remoteAddress);
    return this.address;
  }

  get queued(): number {
    return this.queue.bytes;
  }

  write(bytes: Uint8Array): number {
    if (this.closed || this.ending) return 0;
    if (this.queue.bytes > 0) {
      this.queue.push(bytes);
      return this.queue.bytes;
    }
    const taken = this.socket.write(bytes);
    // The kernel refuses for good (-1) shortly before `close` says why.
    if (taken >= 0 && taken < bytes.length) this.queue.push(bytes.subarray(taken));
    return this.queue.bytes;
  }

  pause(): void {
    if (this.paused || this.closed) return;
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused || this.closed) return;
    this.paused = false;
    this.socket.resume();
  }

  end(): void {
    if (this.closed || this.ending) return;
    this.ending = true;
    // `socket.end()` would close both directions.
    if (this.queue.bytes === 0) this.socket.shutdown();
  }

  reset(): void {
    if (this.closed) return;
    this.onClose(new ResetHere());
    // Measured: terminate() sends RST whatever is queued on either side, close() and end() send FIN.
    this.socket.terminate();
  }

  onData(bytes: Buffer): void {
    if (this.paused) this.lost = true;
    else this.handlers.data(bytes);
  }

  /** Bun tells of room after a pause and a resume, too. */
  onDrain(): void {
    if (this.queue.bytes === 0) return;
    this.queue.flush((bytes) => this.socket.write(bytes));
    if (this.queue.bytes > 0 || this.closed) return;
    if (this.ending) this.socket.shutdown();
    this.handlers.drain();
  }

  onEnd(): void {
    if (this.peerEnded || this.lost || this.closed) return;
    this.peerEnded = true;
    this.handlers.end();
  }

  /** When our end came first, Bun reports the end of the peer as the close only. */
  onClose(error?: Error): void {
    if (this.closed) return;
    const unclean = error ?? (this.lost || this.queue.bytes > 0 ? new ResetByPeer() : undefined);
    if (!unclean) this.onEnd();
    if (this.closed) return;
    this.closed = true;
    this.queue.clear();
    this.handlers.close(unclean);
  }
}

/** Shared by all sockets: what differs is in `socket.data`. Errors thrown by handlers are bugs of ours and end the connection only. */
export const WIRE_EVENTS = {
  data: (socket, bytes) => socket.data.onData(bytes),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket, error) => socket.data.onClose(error),
  error(socket, error) {
    socket.data.onClose(error);
    socket.terminate();
  },
} satisfies SocketHandler<PlainWire>;
