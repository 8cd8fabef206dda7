import type { Clock } from "../../kernel/clock.ts";
import type { Piece } from "./chain.ts";
import { encode } from "./frames.ts";

/** What waits for the end of the turn goes without it above this. */
const FULL_CHARS = 16 * 1024;

/** Frames of one turn: numbered one by one, encoded in one go. Ids are `<epochMs>-<n>`, n from 1 without gaps; the time never goes back. */
export class Batch {
  private text = "";
  private frames = 0;
  private tokens = 0;
  private ms = 0;
  private count = 0;

  constructor(private readonly clock: Pick<Clock, "now">) {}

  get isEmpty(): boolean {
    return this.frames === 0;
  }

  get isFull(): boolean {
    return this.text.length >= FULL_CHARS;
  }

  nextId(): string {
    if (this.frames === 0) this.ms = Math.max(this.ms, this.clock.now());
    return `${this.ms}-${++this.count}`;
  }

  add(frame: string, tokens: number): void {
    this.text += frame;
    this.frames += 1;
    this.tokens += tokens;
  }

  take(): Piece {
    const piece = { bytes: encode(this.text), frames: this.frames, tokens: this.tokens, ms: this.ms };
    this.text = "";
    this.frames = 0;
    this.tokens = 0;
    return piece;
  }
}
