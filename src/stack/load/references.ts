import { join } from "node:path";
import { INHERITED } from "../../kernel/inherited.ts";
import type { ReadFile } from "./files.ts";
import { Includes } from "./include.ts";
import { Interpolator, type Vars } from "./interpolate.ts";
import { Report } from "./report.ts";
import { SourceFile } from "./source.ts";

const REFERENCE = /\$\{?([A-Za-z_][A-Za-z0-9_]*)/g;

export interface ReferenceContext {
  readonly file?: string;
  readonly workdir: string;
  readonly env: Vars;
  readonly readFile: ReadFile;
}

/**
 * Names of the variables a caller must send along with a stack: a cheap superset of what interpolation will ask for.
 * With a context, included files are looked into as well.
 */
export function references(source: string, context?: ReferenceContext): string[] {
  const names = new Set(INHERITED);
  collect(source, names);
  if (context && /^["']?includes["']?\s*:/m.test(source)) {
    const readFile: ReadFile = (path) => {
      const text = context.readFile(path);
      collect(text ?? "", names);
      return text;
    };
    const report = new Report();
    const path = context.file ?? join(context.workdir, "stack.yaml");
    const includes = new Includes({ report, interpolator: new Interpolator(context.env, report), readFile });
    includes.load(new SourceFile(path, source), [path]);
  }
  return [...names].toSorted();
}

function collect(text: string, names: Set<string>): void {
  for (const [, name] of text.matchAll(REFERENCE)) if (name !== undefined) names.add(name);
}
