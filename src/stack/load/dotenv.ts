export interface EnvProblem {
  /** Offset into the text. */
  readonly at: number;
  readonly message: string;
}

const NAME = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const SPACE = /[ \t\v\f]*/y;
const EXPORT = /export[ \t]+/y;
const REST = /[^\n]*/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "\\": "\\", '"': '"', $: "$" };

/**
 * Files of `NAME=value` lines: `export`, comments, single quotes (as they are), double quotes (`\n \r \t \" \\ \$`), both over several
 * lines. An unquoted value ends at ` #` and is trimmed. Nothing is interpolated. A later line wins.
 */
export function parseDotenv(text: string): { values: Record<string, string>; problems: EnvProblem[] } {
  const reader = new DotenvReader(text);
  reader.read();
  return { values: Object.fromEntries(reader.values), problems: reader.problems };
}

class DotenvReader {
  readonly values = new Map<string, string>();
  readonly problems: EnvProblem[] = [];
  private at = 0;

  constructor(private readonly text: string) {}

  read(): void {
    if (this.text.startsWith("\uFEFF")) this.at = 1;
    while (this.at < this.text.length) {
      this.take(SPACE);
      const char = this.text[this.at];
      if (char !== undefined && char !== "\n" && char !== "\r" && char !== "#") this.assignment();
      this.take(REST);
      this.at++;
    }
  }

  private assignment(): void {
    const start = this.at;
    this.take(EXPORT);
    const name = this.take(NAME);
    this.take(SPACE);
    if (name === "" || this.text[this.at] !== "=") return this.problem(start, "expected NAME=value");
    if (name === "__proto__") return this.problem(start, 'the name "__proto__" is not allowed');
    this.at++;
    this.take(SPACE);
    const value = this.value();
    if (value === undefined) return;
    if (value.includes("\0")) return this.problem(start, "a value must not hold a NUL character");
    this.values.set(name, value);
  }

  private value(): string | undefined {
    const quote = this.text[this.at];
    if (quote !== '"' && quote !== "'") return unquoted(this.take(REST));
    const start = this.at++;
    const value = quote === "'" ? this.single() : this.double();
    if (value === undefined) {
      this.at = start;
      this.problem(start, `the quote ${quote} is never closed`);
      return undefined;
    }
    const after = this.at;
    const rest = this.take(REST).trim();
    if (rest !== "" && !rest.startsWith("#")) this.problem(after, "only a comment may follow a quoted value");
    return value;
  }

  private single(): string | undefined {
    const end = this.text.indexOf("'", this.at);
    if (end === -1) return undefined;
    const value = this.text.slice(this.at, end);
    this.at = end + 1;
    return value;
  }

  private double(): string | undefined {
    let value = "";
    for (let at = this.at; at < this.text.length; at++) {
      const char = this.text[at] ?? "";
      if (char === '"') {
        this.at = at + 1;
        return value;
      }
      const escaped = char === "\\" ? ESCAPES[this.text[at + 1] ?? ""] : undefined;
      value += escaped ?? char;
      if (escaped !== undefined) at++;
    }
    return undefined;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private problem(at: number, message: string): void {
    this.problems.push({ at, message });
  }
}

function unquoted(text: string): string {
  const comment = text.startsWith("#") ? 0 : text.search(/\s#/);
  return (comment === -1 ? text : text.slice(0, comment)).trim();
}
