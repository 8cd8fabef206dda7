import type { TLSSocket } from "node:tls";
import type { Wire, WireHandlers } from "./wire.ts";
import { canonicalAddress, ResetHere } from "./wire-ends.ts";

/** A `Wire` over a TLS connection whose handshake is done. `queued` counts what waits for its encryption, too. */
export class TlsWire implements Wire {
  readonly secure = true;
  readonly serverName: string | undefined;
  readonly remoteAddress: string;
  closed = false;
  private ending = false;
  private peerEnded = false;
  private error: Error | undefined;
  private readonly written = (): void => this.onWritten();

  constructor(
    private readonly socket: TLSSocket,
    public handlers: WireHandlers,
  ) {
    this.serverName = socket.servername || undefined;
    this.remoteAddress = canonicalAddress(socket.remoteAddress);
    socket.on("data", (bytes: Buffer) => {
      if (!this.closed) this.handlers.data(bytes);
    });
    socket.on("end", () => this.onEnd());
    socket.on("error", (error) => (this.error ??= error));
    socket.on("close", () => this.onClose(this.error));
  }

  get queued(): number {
    return this.closed ? 0 : this.socket.writableLength;
  }

  write(bytes: Uint8Array): number {
    if (this.closed || this.ending) return 0;
    // The stream keeps what it cannot write at once, and the caller's buffer is only lent.
    this.socket.write(Buffer.from(bytes), this.written);
    return this.queued;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (!this.closed) this.socket.resume();
  }

  end(): void {
    if (this.closed || this.ending) return;
    this.ending = true;
    this.socket.end();
  }

  reset(): void {
    if (this.closed) return;
    this.onClose(new ResetHere());
    this.socket.resetAndDestroy();
  }

  private onWritten(): void {
    if (!this.closed && this.socket.writableLength === 0) this.handlers.drain();
  }

  private onEnd(): void {
    if (this.closed || this.peerEnded) return;
    this.peerEnded = true;
    this.handlers.end();
  }

  private onClose(error?: Error): void {
    if (this.closed) return;
    if (!error) this.onEnd();
    if (this.closed) return;
    this.closed = true;
    this.handlers.close(error);
  }
}
