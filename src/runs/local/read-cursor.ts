import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { writeAll } from "../../supervise/logs/file.ts";

/** How far a stream was read: the next byte, and whether a line began before it. */
export interface ReadAt {
  readonly offset: number;
  readonly midline: boolean;
  /** Bytes of the stream that are not in the spool any more: its writer cut it off. */
  readonly base?: number;
}

/** What must be known of bytes that are freed. */
export interface ReadCursor {
  readonly stdout: ReadAt;
  readonly stderr: ReadAt;
  /** The last line of stderr so far. */
  readonly lastLine?: string;
}

export const START: ReadAt = { offset: 0, midline: false };
/** Written over itself in one go and within one page, so that a reader never meets half of it and a full disk matters only the first time. */
const RECORD_BYTES = 4096;
const MAX_LINE_CHARS = 300;

/** False when it could not be written: then nothing may be freed. */
export function writeCursor(path: string, cursor: ReadCursor): boolean {
  const { lastLine } = cursor;
  const text = JSON.stringify({ ...cursor, ...(lastLine !== undefined && { lastLine: lastLine.slice(0, MAX_LINE_CHARS) }) });
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      writeAll(file, Buffer.alloc(RECORD_BYTES, " ").fill(text, 0, Buffer.byteLength(text)), 0);
      return true;
    } finally {
      closeSync(file);
    }
  } catch {
    return false; // a full disk; asked again with the next bytes
  }
}

/** Nothing was freed when there is none. */
export function readCursor(path: string): ReadCursor {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ReadCursor;
  } catch {
    return { stdout: START, stderr: START };
  }
}
