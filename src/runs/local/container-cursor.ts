import type { LogPosition } from "./container-log.ts";
import { readCursor, writeCursor, type ReadCursor } from "./read-cursor.ts";

type ContainerCursor = ReadCursor & LogPosition;

/** Bytes of log between two writes. */
const EVERY_BYTES = 512 * 1024;

/**
 * Where reading stands, on disk, for the day when docker has thrown away the beginning of the log: from then on bytes cannot be counted from there. Until
 * the first write nothing can have been thrown away.
 */
export class CursorFile {
  private latest: ContainerCursor | undefined;
  private written = 0;
  private pending = false;

  constructor(
    private readonly path: string,
    private readonly closing: AbortSignal,
  ) {}

  read(): ContainerCursor {
    return readCursor(this.path);
  }

  /** Not in this turn: whoever keeps the log may write its lines at the end of it. */
  reached(cursor: ContainerCursor): void {
    this.latest = cursor;
    const bytes = cursor.stdout.offset + cursor.stderr.offset;
    if (this.pending || bytes - this.written < EVERY_BYTES) return;
    this.written = bytes;
    this.pending = true;
    setImmediate(() => {
      this.pending = false;
      if (this.latest && !this.closing.aborted) writeCursor(this.path, this.latest);
    });
  }
}
