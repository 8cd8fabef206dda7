import { read } from "node:fs";

const FIRST_BYTES = 128 * 1024;
const MOST_BYTES = 512 * 1024;
/** Nobody looks at what is read here: that it is in the page cache afterwards is the point. */
const SINK = Buffer.allocUnsafeSlow(MOST_BYTES);

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly over: Promise<void>;
  isOver: boolean;
}

/**
 * Brings a file into the page cache, on another thread and a piece further than it is read: a cold disk holds up the reader, where he is faster, and
 * nobody else.
 */
export class ReadAhead {
  private bytes = FIRST_BYTES;
  private piece: Piece | undefined;
  /** The one behind it, begun before anybody wants it. */
  private next: Piece | undefined;
  private last: Piece | undefined;

  constructor(private readonly fd: number) {}

  /** Undefined when the bytes `from` … `to` may be read; else resolves when they may. Never rejects: who reads them meets the error. */
  fetch(from: number, to: number): Promise<void> | undefined {
    const { piece, next } = this;
    if (piece && from >= piece.start && to <= piece.end) return undefined;
    const isNext = piece && next && from >= piece.start && to <= next.end;
    const isBefore = piece !== undefined && from < piece.start;
    this.piece = isNext ? { ...next, start: from } : this.begin(isBefore ? Math.max(0, to - this.bytes) : from, to);
    this.next = isBefore ? undefined : this.begin(this.piece.end, this.piece.end);
    return isNext && next.isOver ? undefined : this.piece.over;
  }

  /** Undefined when nothing is read any more, else resolves then: the file must not be closed before. */
  get pending(): Promise<void> | undefined {
    return this.last && !this.last.isOver ? this.last.over : undefined;
  }

  /** One after the other: the last to be over is the last that was begun. */
  private begin(start: number, to: number): Piece {
    const size = Math.min(MOST_BYTES, Math.max(this.bytes, to - start));
    this.bytes = Math.min(MOST_BYTES, this.bytes * 2);
    const turn = this.pending ?? Promise.resolve();
    const over = turn.then(() => new Promise<void>((resolve) => read(this.fd, SINK, 0, size, start, () => resolve())));
    const piece: Piece = { start, end: Math.max(to, start + size), over, isOver: false };
    void over.then(() => (piece.isOver = true));
    this.last = piece;
    return piece;
  }
}
