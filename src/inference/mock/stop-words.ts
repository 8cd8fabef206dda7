/** Holds text back as long as it may be the beginning of a stop word. */
export class StopWords {
  private held = "";

  constructor(private readonly stops: readonly string[]) {}

  /** What may go out, and whether a stop word has come; it is left out itself. */
  push(text: string): { text: string; stopped: boolean } {
    if (this.stops.length === 0) return { text, stopped: false };
    this.held += text;
    const at = Math.min(...this.stops.map((stop) => this.held.indexOf(stop)).map((found) => (found === -1 ? Infinity : found)));
    if (at !== Infinity) return this.release(at, true);
    return this.release(this.held.length - this.tail(), false);
  }

  rest(): string {
    return this.release(this.held.length, false).text;
  }

  private release(length: number, stopped: boolean): { text: string; stopped: boolean } {
    const text = this.held.slice(0, length);
    this.held = stopped ? "" : this.held.slice(length);
    return { text, stopped };
  }

  /** Length of the longest end that begins a stop word. */
  private tail(): number {
    const longest = Math.max(...this.stops.map((stop) => stop.length)) - 1;
    for (let length = Math.min(longest, this.held.length); length > 0; length--) {
      const end = this.held.slice(-length);
      if (this.stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
