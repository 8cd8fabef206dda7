import type { ProbeAlias } from "./health.ts";

type Node =
  | { readonly kind: "alias"; readonly alias: ProbeAlias }
  | { readonly kind: "not"; readonly of: Node }
  | { readonly kind: "and" | "or"; readonly left: Node; readonly right: Node };

export interface Expression {
  readonly aliases: readonly ProbeAlias[];
  readonly holds: (truth: (alias: ProbeAlias) => boolean) => boolean;
}

export type ParsedExpression =
  | ({ readonly ok: true } & Expression)
  /** `column` counts from 1, in the text of the expression. */
  | { readonly ok: false; readonly error: string; readonly column: number };

const ALIASES: readonly string[] = ["http", "tcp", "cmd", "log"];
/** A file could nest parentheses until the stack overflows. */
const MAX_DEPTH = 200;

/** Parses `http || (tcp && !log)`: `!` binds tighter than `&&`, `&&` tighter than `||`. */
export function parseExpression(text: string): ParsedExpression {
  try {
    const parser = new Parser(text);
    const tree = parser.whole();
    return { ok: true, aliases: [...parser.aliases], holds: (truth) => evaluate(tree, truth) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, error: error.message, column: error.column };
    throw error;
  }
}

function evaluate(node: Node, truth: (alias: ProbeAlias) => boolean): boolean {
  switch (node.kind) {
    case "alias":
      return truth(node.alias);
    case "not":
      return !evaluate(node.of, truth);
    case "and":
      return evaluate(node.left, truth) && evaluate(node.right, truth);
    case "or":
      return evaluate(node.left, truth) || evaluate(node.right, truth);
  }
}

class Refusal extends Error {
  constructor(
    message: string,
    readonly column: number,
  ) {
    super(message);
  }
}

interface Token {
  readonly text: string;
  readonly column: number;
}

class Parser {
  readonly aliases = new Set<ProbeAlias>();
  private readonly tokens: readonly Token[];
  private next = 0;
  private depth = 0;

  constructor(private readonly text: string) {
    this.tokens = [...text.matchAll(/\|\||&&|[!()]|[A-Za-z0-9_.-]+|\S/g)].map((match) => ({ text: match[0], column: match.index + 1 }));
  }

  whole(): Node {
    const tree = this.or();
    const rest = this.tokens[this.next];
    if (rest) throw new Refusal(`unexpected "${rest.text}"`, rest.column);
    return tree;
  }

  private or(): Node {
    let left = this.and();
    while (this.take("||")) left = { kind: "or", left, right: this.and() };
    return left;
  }

  private and(): Node {
    let left = this.unary();
    while (this.take("&&")) left = { kind: "and", left, right: this.unary() };
    return left;
  }

  private unary(): Node {
    const token = this.tokens[this.next];
    if (!token) throw new Refusal("expected one of http, tcp, cmd, log", this.text.length + 1);
    if (++this.depth > MAX_DEPTH) throw new Refusal(`nested deeper than ${MAX_DEPTH}`, token.column);
    this.next++;
    const node = this.operand(token);
    this.depth--;
    return node;
  }

  private operand(token: Token): Node {
    if (token.text === "!") return { kind: "not", of: this.unary() };
    if (token.text === "(") {
      const inner = this.or();
      if (!this.take(")")) throw new Refusal('expected ")"', this.tokens[this.next]?.column ?? this.text.length + 1);
      return inner;
    }
    if (!isAlias(token.text)) throw new Refusal(`unexpected "${token.text}": expected one of http, tcp, cmd, log`, token.column);
    this.aliases.add(token.text);
    return { kind: "alias", alias: token.text };
  }

  private take(text: string): boolean {
    if (this.tokens[this.next]?.text !== text) return false;
    this.next++;
    return true;
  }
}

function isAlias(text: string): text is ProbeAlias {
  return ALIASES.includes(text);
}
