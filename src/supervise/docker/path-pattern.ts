/** A part of a pattern: one character, or any number of them. `folders` is `**` and a slash: nothing, or whole folders. */
type Part =
  | { readonly kind: "one"; readonly fits: (char: string) => boolean }
  | { readonly kind: "within" | "through" }
  | { readonly kind: "folders" };

const SLASH = "/";

/**
 * A pattern of .dockerignore: `*` and `?` stay within a folder, `**` goes through any number of them, `[a-c]` and `\` as in path/filepath.Match of Go.
 * All ways to read it are followed at once, character by character, so that no pattern takes long.
 */
export class PathPattern {
  private readonly parts: readonly Part[];

  /** Throws SyntaxError. */
  constructor(pattern: string) {
    this.parts = partsOf(pattern);
  }

  /** Does it stand for the path, or for a folder the path lies in? */
  covers(path: string): boolean {
    const end = this.parts.length;
    let active = this.reach(new Set(), 0);
    for (const char of path) {
      if (char === SLASH && active.has(end)) return true;
      const next = new Set<number>();
      for (const at of active) this.step(next, at, char);
      if (next.size === 0) return false;
      active = next;
    }
    return active.has(end);
  }

  /** States are parts that may come next; a half more is within the folders of `folders`. */
  private reach(states: Set<number>, at: number): Set<number> {
    states.add(at);
    const part = this.parts[at];
    if (part && part.kind !== "one") this.reach(states, at + 1);
    if (part?.kind === "folders") states.add(at + 0.5);
    return states;
  }

  private step(next: Set<number>, at: number, char: string): void {
    const part = this.parts[Math.floor(at)];
    if (!part) return;
    if (part.kind === "one" && part.fits(char)) this.reach(next, at + 1);
    if (part.kind === "through" || (part.kind === "within" && char !== SLASH)) this.reach(next, at);
    if (part.kind !== "folders" || Number.isInteger(at)) return;
    next.add(at);
    if (char === SLASH) this.reach(next, at + 0.5);
  }
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  const chars = Array.from(pattern);
  const one = (fits: (char: string) => boolean): unknown => parts.push({ kind: "one", fits });
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at];
    if (char === "*" && chars[at + 1] === "*") {
      while (chars[at + 1] === "*") at++;
      const isWhole = chars[at + 1] === SLASH;
      parts.push({ kind: isWhole ? "folders" : "through" });
      if (isWhole) at++;
    } else if (char === "*") parts.push({ kind: "within" });
    else if (char === "?") one((other) => other !== SLASH);
    else if (char === "[") {
      const close = chars.indexOf("]", at + 2);
      if (close < 0) throw new SyntaxError("a [ without its ]");
      one(rangeOf(chars.slice(at + 1, close)));
      at = close;
    } else {
      const wanted = char === "\\" ? chars[++at] : char;
      one((other) => other === wanted);
    }
  }
  return parts;
}

function rangeOf(chars: readonly string[]): (char: string) => boolean {
  const isNegated = chars[0] === "^";
  const inside = isNegated ? chars.slice(1) : chars;
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < inside.length; at++) {
    const low = inside[at] === "\\" ? inside[++at] : inside[at];
    const isRange = inside[at + 1] === "-" && at + 2 < inside.length;
    const high = isRange ? inside[(at += 2)] : low;
    if (low === undefined || high === undefined || high < low) throw new SyntaxError("a range that goes backward");
    ranges.push([low, high]);
  }
  return (char) => char !== SLASH && ranges.some(([low, high]) => low <= char && char <= high) !== isNegated;
}
