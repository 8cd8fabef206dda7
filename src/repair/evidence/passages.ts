/** Lines that follow one another, the first with its number in the whole, from 1. */
export interface Passage {
  readonly lines: readonly string[];
  readonly firstLine: number;
}

/** The end, and what is kept of all before, newest first. */
export interface Kept extends Passage {
  readonly earlier: readonly Passage[];
}

const HEAD_LINES = 500;
const TAIL_LINES = 5000;
/** Lines in the middle that look like errors, and what stands around them. */
const MIDDLE_LINES = 2000;
const LINES_BEFORE = 5;
const LINES_AFTER = 10;

/** Wide: what it lets through is only kept, not yet believed. */
export const LOOKS_LIKE_ERROR =
  /error|fatal|fail|cannot|can't|could not|unable|not found|no such|denied|missing|undefined|panic|exception|traceback|killed|refused|unreachable|out of memory|no space|invalid|mismatch|conflict|unresolved|requires|unsupported|elifecycle/i;

interface Line {
  readonly number: number;
  readonly text: string;
  kept: boolean;
}

/** The first 500 lines, the last 5,000, and in between the newest 2,000 that look like errors or stand near one, each with its number. */
export class Passages {
  private readonly head: Line[] = [];
  private readonly tail: Line[] = [];
  private readonly middle: Line[] = [];
  private count = 0;
  private keepUntil = 0;
  /** Where the ring of the tail begins. */
  private tailAt = 0;
  private middleAt = 0;

  push(text: string): void {
    const number = ++this.count;
    if (LOOKS_LIKE_ERROR.test(text)) this.keepAround(number);
    const line = { number, text, kept: number <= this.keepUntil };
    if (this.head.length < HEAD_LINES) this.head.push(line);
    else if (this.tail.length < TAIL_LINES) this.tail.push(line);
    else {
      const old = this.tail[this.tailAt];
      this.tail[this.tailAt] = line;
      this.tailAt = (this.tailAt + 1) % TAIL_LINES;
      if (old?.kept === true) this.keep(old);
    }
  }

  kept(): Kept {
    const tail = ordered(this.tail, this.tailAt);
    // Nothing is missing between them: one text.
    if (this.count <= HEAD_LINES + TAIL_LINES) return { ...passage([...this.head, ...tail]), earlier: [] };
    const middle = runs(ordered(this.middle, this.middleAt)).toReversed();
    return { ...passage(tail), earlier: [...middle, passage(this.head)] };
  }

  private keepAround(number: number): void {
    this.keepUntil = number + LINES_AFTER;
    for (let back = 1; back <= Math.min(LINES_BEFORE, this.tail.length); back++) {
      const at = this.tail.length < TAIL_LINES ? this.tail.length - back : (this.tailAt - back + TAIL_LINES) % TAIL_LINES;
      const line = this.tail[at];
      if (line) line.kept = true;
    }
  }

  private keep(line: Line): void {
    if (this.middle.length < MIDDLE_LINES) this.middle.push(line);
    else {
      this.middle[this.middleAt] = line;
      this.middleAt = (this.middleAt + 1) % MIDDLE_LINES;
    }
  }
}

function ordered(ring: readonly Line[], from: number): Line[] {
  return [...ring.slice(from), ...ring.slice(0, from)];
}

function passage(lines: readonly Line[]): Passage {
  return { lines: lines.map(({ text }) => text), firstLine: lines[0]?.number ?? 1 };
}

/** Lines that follow one another belong together. */
function runs(lines: readonly Line[]): Passage[] {
  const found: Line[][] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last && last.at(-1)?.number === line.number - 1) last.push(line);
    else found.push([line]);
  }
  return found.map(passage);
}
