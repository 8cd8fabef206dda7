import type { ProbeAlias } from "../../supervise/health.ts";

export interface ExpressionProblem {
  /** Offset into the expression, and the piece that is wrong. */
  readonly at: number;
  readonly message: string;
}

const TOKEN = /\s*(\|\||&&|[!()]|[A-Za-z][\w-]*|\S)/y;
const ALIASES: readonly string[] = ["http", "tcp", "cmd", "log"] satisfies ProbeAlias[];
const MAX_TOKENS = 200;

interface Token {
  readonly text: string;
  readonly at: number;
}

/** The first thing wrong with an expression over `declared` probes: `||`, `&&`, `!` and parentheses. undefined: it is right. */
export function expressionProblem(expression: string, declared: ReadonlySet<string>): ExpressionProblem | undefined {
  const tokens = tokensOf(expression);
  if (tokens.length > MAX_TOKENS) return { at: 0, message: `longer than ${MAX_TOKENS} words` };
  let depth = 0;
  let wantsOperand = true;
  for (const token of tokens) {
    const problem = wantsOperand ? operandProblem(token, declared) : operatorProblem(token, depth);
    if (problem !== undefined) return { at: token.at, message: problem };
    if (token.text === "(") depth++;
    else if (token.text === ")") depth--;
    else if (token.text !== "!") wantsOperand = !wantsOperand;
  }
  const end = { at: expression.trimEnd().length };
  if (wantsOperand) return { ...end, message: "the expression ends where a probe is expected" };
  return depth > 0 ? { ...end, message: "a parenthesis is never closed" } : undefined;
}

function operandProblem({ text }: Token, declared: ReadonlySet<string>): string | undefined {
  if (text === "!" || text === "(" || declared.has(text)) return undefined;
  if (ALIASES.includes(text)) return `the expression names ${text}, but no ${text} probe is declared`;
  const known = [...declared].join(", ");
  return /^[A-Za-z]/.test(text)
    ? `unknown probe "${text}" in the expression; declared: ${known || "none"}`
    : `expected a probe, got "${text}"`;
}

function operatorProblem({ text }: Token, depth: number): string | undefined {
  if (text === "||" || text === "&&" || (text === ")" && depth > 0)) return undefined;
  if (text === ")") return "a parenthesis is closed that was never opened";
  return `expected || or &&, got "${text}"`;
}

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(expression); found; found = TOKEN.exec(expression)) {
    const word = found[1] ?? "";
    tokens.push({ text: word, at: TOKEN.lastIndex - word.length });
  }
  return tokens;
}
