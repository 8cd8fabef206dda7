import type { Io } from "./io.ts";
import { fit } from "../terminal/sanitize.ts";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE = "\x1b[2K";
const CLEAR_BELOW = "\x1b[0J";

/** A block of lines at the bottom of the terminal that is drawn over itself. Only for a terminal. */
export class Screen {
  private drawn = 0;

  constructor(private readonly io: Io) {}

  /** Lines past the height of the terminal are left out: they could not be reached to be drawn again. */
  draw(text: string): void {
    // A line that wrapped would take two rows, and the next drawing would begin one row too low.
    const width = this.io.columns() ?? 80;
    const lines = text
      .split("\n")
      .slice(0, Math.max(1, (process.stdout.rows || 24) - 1))
      .map((line) => fit(line, width));
    const up = this.drawn > 1 ? `\x1b[${this.drawn - 1}A` : "";
    const start = this.drawn === 0 ? HIDE_CURSOR : `\r${up}`;
    this.io.out(start + lines.map((line) => CLEAR_LINE + line).join("\n") + CLEAR_BELOW);
    this.drawn = lines.length;
  }

  /** Leaves what is drawn and gives the cursor back. */
  end(): void {
    if (this.drawn === 0) return;
    this.io.out(`\n${SHOW_CURSOR}`);
    this.drawn = 0;
  }
}
