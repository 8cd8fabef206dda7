import { fstatSync, writeSync } from "node:fs";
import { OrcoError, errnoOf } from "../kernel/errors.ts";
import { onUnread } from "./unread.ts";

/** Where a command reads and writes. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard output is a terminal. */
  readonly tty: boolean;
  /** SGR colours may be written to standard output. */
  readonly color: boolean;
  /** Width of the terminal; undefined when there is none. */
  columns(): number | undefined;
  out(text: string): void;
  err(text: string): void;
  /** Bytes as they are. */
  raw(stream: "stdout" | "stderr", bytes: Uint8Array): void;
  /** Calls back once nobody reads standard output any more, also while nothing is written; returns how to stop that. */
  onUnread?(gone: () => void): () => void;
}

/** Nobody reads our output any more (`orco logs | head`): a quiet end, not an error. */
export class OutputClosed extends Error {
  constructor() {
    super("standard output is closed");
  }
}

/** They drive terminals as ESC does, and JSON does not escape them; nothing of ours is made of them. */
const C1 = /[\x80-\x9f]/g;

/** The process's own streams. Writes are synchronous: nothing is lost at exit, order holds, and a slow reader slows the command down. */
export function processIo(options: { color: boolean }): Io {
  const tty = isTerminal(1);
  const dumb = process.env["TERM"] === "dumb";
  return {
    env: process.env,
    cwd: currentFolder(),
    tty: tty && !dumb,
    color: tty && !dumb && options.color && !process.env["NO_COLOR"],
    columns: () => (tty ? process.stdout.columns || undefined : undefined),
    out: (text) => writeAll(1, Buffer.from(tty ? text.replace(C1, "") : text)),
    err: (text) => writeAll(2, Buffer.from(text)),
    raw: (stream, bytes) => writeAll(stream === "stdout" ? 1 : 2, bytes),
    onUnread: (gone) => onUnread(gone),
  };
}

/** It may have been removed: what needs no file works all the same, and what needs one says that it is not there. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    return process.env["PWD"] ?? "/";
  }
}

/** Majors of Linux terminals (4 and 5 tty, 136-143 pts): looking at them saves node:tty, which takes 5 ms to load. */
function isTerminal(fd: number): boolean {
  const found = fstatOf(fd);
  if (found === undefined || !found.isCharacterDevice()) return false;
  const major = (Number(found.rdev) >> 8) & 0xfff;
  if (process.platform === "linux" && (major === 4 || major === 5 || (major >= 136 && major <= 143))) return true;
  if (process.platform === "linux" && major === 1) return false; // /dev/null and its like
  return (fd === 1 ? process.stdout : process.stderr).isTTY;
}

function fstatOf(fd: number): ReturnType<typeof fstatSync> | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined; // Closed by the caller (`>&-`).
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "EPIPE" || errno === "EIO") throw new OutputClosed();
      // The pipe is shared with somebody who made it non-blocking.
      if (errno !== "EAGAIN")
        throw new OrcoError("disk_full", `${fd === 1 ? "standard output" : "standard error"} cannot be written: ${errno}`);
      Bun.sleepSync(1);
    }
  }
}
