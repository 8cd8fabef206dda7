import { write, writeSync } from "node:fs";
import { isatty } from "node:tty";
import type { Size } from "./state.ts";

/** Alternate screen; no cursor; a line that is too long is cut, not wrapped, whatever the terminal thinks of its width; a paste says that it is one. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[H";
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l";
/** A terminal that takes nothing for so long is not waited for: a write would hold the process for ever. */
const STUCK_MS = 1000;
const FALLBACK: Size = { columns: 80, rows: 24 };

/** Whether there is a screen to draw on and a keyboard to listen to. */
export function isScreen(env: Readonly<Record<string, string | undefined>>): boolean {
  return isatty(0) && isatty(1) && (env["TERM"] ?? "dumb") !== "dumb";
}

export interface TerminalEvents {
  readonly onInput: (text: string) => void;
  readonly onResize: () => void;
  /** Nobody is there any more: the window was closed. */
  readonly onClosed: () => void;
}

/**
 * The controlling terminal, raw and on its alternate screen between `enter` and `leave`. However the process ends, short of SIGKILL, it is left as it
 * was found.
 */
export class Terminal {
  private entered = false;
  private stuck = false;
  private writing: Promise<void> = Promise.resolve();
  private readonly decoder = new TextDecoder();

  constructor(private readonly events: TerminalEvents) {}

  enter(): void {
    if (this.entered) return;
    this.entered = true;
    process.on("exit", this.restore);
    process.stdin.on("data", this.onData);
    process.stdin.on("end", this.events.onClosed);
    process.stdin.on("error", this.events.onClosed);
    process.on("SIGWINCH", this.events.onResize);
    process.stdin.setRawMode(true);
    process.stdin.resume();
    this.writeNow(ENTER);
  }

  /** After somebody else had the terminal: all of it anew. */
  renew(): void {
    if (!this.entered) return this.enter();
    process.stdin.setRawMode(false);
    process.stdin.setRawMode(true);
    this.writeNow(ENTER);
  }

  /** Waits for what is being written. */
  async leave(): Promise<void> {
    this.stuck = await Promise.race([this.writing.then(() => false), Bun.sleep(STUCK_MS).then(() => true)]);
    this.restore();
  }

  size(): Size {
    const [columns, rows] = process.stdout.getWindowSize();
    return columns > 0 && rows > 0 ? { columns, rows } : FALLBACK;
  }

  /** Resolves when the terminal has taken it: a slow one is waited for without holding up anything else. */
  write(text: string): Promise<void> {
    this.writing = this.writing.then(() => this.writeAll(Buffer.from(text)));
    return this.writing;
  }

  private async writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && this.entered;) {
      const { error, written } = await new Promise<{ error: NodeJS.ErrnoException | null; written: number }>((resolve) =>
        write(1, bytes, at, bytes.length - at, null, (problem, count) => resolve({ error: problem, written: count })),
      );
      if (error?.code === "EAGAIN") await Bun.sleep(1);
      else if (error) return this.events.onClosed();
      else at += written;
    }
  }

  /** Also the last thing of a process that crashes, so nothing in it waits. */
  private readonly restore = (): void => {
    if (!this.entered) return;
    this.entered = false;
    process.off("exit", this.restore);
    process.stdin.off("data", this.onData);
    process.stdin.off("end", this.events.onClosed);
    process.off("SIGWINCH", this.events.onResize);
    process.stdin.off("error", this.events.onClosed);
    if (this.stuck) return;
    this.writeNow(LEAVE);
    try {
      process.stdin.setRawMode(false);
      process.stdin.pause();
    } catch {
      return; // The terminal is gone, and its mode with it.
    }
  };

  private readonly onData = (chunk: Uint8Array): void => this.events.onInput(this.decoder.decode(chunk, { stream: true }));

  private writeNow(text: string): void {
    try {
      writeSync(1, text);
    } catch {
      return; // It is gone: there is nothing to restore. What is written next finds out.
    }
  }
}
