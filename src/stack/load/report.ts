import type { Diagnostic } from "../../kernel/errors.ts";
import { MAX_DIAGNOSTICS, MAX_SOURCE_LINE } from "./limits.ts";
import { formatPath, type Path, type Span } from "./source.ts";

export interface Finding {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly severity?: Diagnostic["severity"];
  readonly feature?: string;
}

/** Collects everything found wrong. One finding a place and message: a default merged into ten services is reported once. */
export class Report {
  private readonly found = new Map<string, Diagnostic>();
  private readonly files: string[] = [];
  private errorCount = 0;
  private omitted = 0;

  add(path: Path, at: Span, finding: Finding): void {
    const { line, column } = at.file.locate(at.start);
    const key = `${at.file.name}\0${line}\0${column}\0${finding.message}`;
    if (this.found.has(key)) return;
    const severity = finding.severity ?? "error";
    if (severity === "error") this.errorCount++;
    if (!this.files.includes(at.file.name)) this.files.push(at.file.name);
    if (this.found.size >= MAX_DIAGNOSTICS) {
      this.omitted++;
      return;
    }
    this.found.set(key, {
      severity,
      file: at.file.name,
      line,
      column,
      path: formatPath(path),
      message: finding.message,
      ...sourceLine(at.file.line(line), column),
      ...(finding.hint !== undefined && { hint: finding.hint }),
      ...(finding.feature !== undefined && { feature: finding.feature }),
    });
  }

  get failed(): boolean {
    return this.errorCount > 0;
  }

  /** By file (`first` before all others), line and column. */
  sorted(first: string): Diagnostic[] {
    const rank = (file: string): number => (file === first ? -1 : this.files.indexOf(file));
    const all = [...this.found.values()].toSorted((a, b) => rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column);
    const last = all.at(-1);
    if (this.omitted > 0 && last) all.push({ ...last, severity: "error", message: `${this.omitted} more findings are not shown` });
    return all;
  }
}

/** A minified file is one line: thousands of findings must not carry all of it. */
function sourceLine(text: string, column: number): { source?: string } {
  if (text.length <= MAX_SOURCE_LINE) return { source: text };
  return column <= MAX_SOURCE_LINE ? { source: text.slice(0, MAX_SOURCE_LINE) } : {};
}
