import { MAX_DEFAULT_NESTING, MAX_TEXT } from "./limits.ts";

/** A variable's value, or undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface TemplateProblem {
  readonly message: string;
  readonly hint?: string;
  /** The piece of the text that is wrong. */
  readonly needle: string;
  readonly variable?: string;
}

type Operator = ":-" | "-" | ":?" | "?" | ":+" | "+";
type Part = string | { readonly raw: string; readonly name: string; readonly operator?: Operator; readonly word: readonly Part[] };

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /:-|-|:\?|\?|:\+|\+/y;

/**
 * `$A`, `${A}`, `${A:-d}`, `${A-d}`, `${A:?m}`, `${A?m}`, `${A:+y}`, `${A+y}`, `$$`, as compose has them, words nested. A `$` before
 * anything else stays (`ready$`, `$(date)`, `$1`). Words that are not needed are not looked at. Never throws.
 */
export function expand(text: string, lookup: Lookup): { text: string; problems: TemplateProblem[] } {
  if (!text.includes("$")) return { text, problems: [] };
  const problems: TemplateProblem[] = [];
  const parts = new TemplateReader(text, problems).parts(false, 0);
  const expanded = problems.length > 0 ? "" : render(parts, lookup, problems);
  return { text: expanded, problems };
}

function render(parts: readonly Part[], lookup: Lookup, problems: TemplateProblem[]): string {
  let text = "";
  for (const part of parts) {
    text += typeof part === "string" ? part : renderVariable(part, lookup, problems);
    if (text.length > MAX_TEXT) {
      problems.push({
        message: `longer than ${MAX_TEXT} characters after interpolation (MAX_TEXT)`,
        needle: typeof part === "string" ? part : part.raw,
      });
      return "";
    }
  }
  return text;
}

function renderVariable(part: Exclude<Part, string>, lookup: Lookup, problems: TemplateProblem[]): string {
  const value = lookup(part.name);
  const counts = value !== undefined && (value !== "" || !part.operator?.startsWith(":"));
  switch (part.operator) {
    case ":-":
    case "-":
      return counts ? value : render(part.word, lookup, problems);
    case ":+":
    case "+":
      return counts ? render(part.word, lookup, problems) : "";
    case ":?":
    case "?": {
      if (counts) return value;
      const reason = render(part.word, lookup, problems);
      problems.push({
        message: `variable ${part.name} is ${value === undefined ? "not set" : "empty"}${reason && `: ${reason}`}`,
        needle: part.raw,
        variable: part.name,
      });
      return "";
    }
    case undefined:
    default:
      if (value !== undefined) return value;
      problems.push({ message: `variable ${part.name} is not set`, needle: part.raw, variable: part.name });
      return "";
  }
}

class TemplateReader {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly problems: TemplateProblem[],
  ) {}

  parts(inWord: boolean, depth: number): Part[] {
    const parts: Part[] = [];
    let plain = "";
    while (this.at < this.text.length) {
      const char = this.text[this.at];
      if (inWord && char === "}") break;
      const part = char === "$" ? this.dollar(depth) : undefined;
      if (part === undefined) {
        plain += char;
        this.at++;
      } else if (typeof part === "string") plain += part;
      else {
        parts.push(plain, part);
        plain = "";
      }
    }
    parts.push(plain);
    return parts;
  }

  /** At a `$`: moves past what it begins, or returns undefined and stays when it begins nothing. */
  private dollar(depth: number): Part | undefined {
    const start = this.at;
    const next = this.text[start + 1];
    if (next === "$") {
      this.at += 2;
      return "$";
    }
    if (next === "{") return this.braced(start, depth);
    const name = this.match(NAME, start + 1);
    return name === undefined ? undefined : { raw: this.text.slice(start, this.at), name, word: [] };
  }

  private braced(start: number, depth: number): Part {
    if (depth >= MAX_DEFAULT_NESTING)
      return this.fail(start, `defaults nested deeper than ${MAX_DEFAULT_NESTING} levels (MAX_DEFAULT_NESTING)`);
    const name = this.match(NAME, start + 2);
    if (name === undefined) return this.fail(start, "no variable name after ${");
    const operator = this.match(OPERATOR, this.at) as Operator | undefined;
    const word = operator === undefined ? [] : this.parts(true, depth + 1);
    if (this.text[this.at] !== "}")
      return this.fail(
        start,
        this.at >= this.text.length ? "${ without a closing }" : `\${${name} is followed by something that is no }, :-, :? or :+`,
      );
    this.at++;
    return { raw: this.text.slice(start, this.at), name, word, ...(operator !== undefined && { operator }) };
  }

  private match(pattern: RegExp, from: number): string | undefined {
    pattern.lastIndex = from;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at = from + found.length;
    return found;
  }

  private fail(start: number, message: string): string {
    if (this.problems.length === 0)
      this.problems.push({ message, hint: "write $$ for a plain $", needle: this.text.slice(start, start + 40) });
    this.at = this.text.length;
    return "";
  }
}
