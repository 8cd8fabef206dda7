/** Bytes of one reader alone, between whoever writes them and the connection. */
export class ByteQueue {
  bytes = 0;
  private chunks: Uint8Array[] = [];
  private waiters: (() => void)[] = [];

  push(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    this.chunks.push(chunk);
  }

  /** Everything that waits, as one chunk. */
  shift(): Uint8Array | undefined {
    if (this.chunks.length === 0) return undefined;
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [];
    this.bytes = 0;
    this.wake();
    return all;
  }

  /** Resolves when something was taken, or the reader is gone. */
  taken(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  wake(): void {
    const waiting = this.waiters;
    this.waiters = [];
    for (const resolve of waiting) resolve();
  }
}
