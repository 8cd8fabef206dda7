import { read } from "node:fs";

const FIRST_BYTES = 256 * 1024;
const MOST_BYTES = 2 * 1024 * 1024;
/** Nobody looks at what is read here: that it is in the page cache afterwards is the point. */
const SINK = Buffer.allocUnsafeSlow(MOST_BYTES);

/** Brings a file into the page cache, on another thread and always a piece further than it is read: a cold disk holds up the reader, and nobody else. */
export class ReadAhead {
  private start = 0;
  private end = 0;
  private pieceBytes = FIRST_BYTES / 2;

  constructor(private readonly fd: number) {}

  /** Undefined when the bytes `from` … `to` may be read; else resolves when they may. Never rejects: who reads them meets the error. */
  fetch(from: number, to: number): Promise<void> | undefined {
    if (from >= this.start && to <= this.end) return undefined;
    this.pieceBytes = Math.min(MOST_BYTES, this.pieceBytes * 2);
    const size = Math.min(MOST_BYTES, Math.max(this.pieceBytes, to - from));
    this.start = from < this.start ? Math.max(0, to - size) : from;
    this.end = Math.max(to, this.start + size);
    const { start } = this;
    return new Promise((resolve) => read(this.fd, SINK, 0, size, start, () => resolve()));
  }
}
