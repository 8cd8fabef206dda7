import { parseExpression } from "../../supervise/expression.ts";

interface ExpressionProblem {
  /** Offset into the expression. */
  readonly at: number;
  readonly message: string;
}

/** Why an expression over the `declared` probes cannot be used, or undefined. */
export function expressionProblem(expression: string, declared: ReadonlySet<string>): ExpressionProblem | undefined {
  const parsed = parseExpression(expression);
  if (!parsed.ok) return { at: parsed.column - 1, message: `invalid expression: ${parsed.error}` };
  const missing = parsed.aliases.find((alias) => !declared.has(alias));
  if (missing === undefined) return undefined;
  const at = expression.search(new RegExp(`\\b${missing}\\b`));
  return { at: Math.max(0, at), message: `the expression names ${missing}, but no ${missing} probe is declared` };
}
