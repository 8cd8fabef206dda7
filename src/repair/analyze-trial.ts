import type { BuildPlace } from "./evidence/failing-step.ts";
import { LogReader, type ReadLog } from "./evidence/log-reader.ts";
import type { Copy, Target, Work } from "./target.ts";

/** A build of the copy, and what it said. */
export interface Trial {
  readonly ok: boolean;
  readonly timedOut: boolean;
  readonly log: ReadLog & { readonly failing?: BuildPlace };
}

/** Builds the copy; every line is told as it comes. Rejects as `Target.trial` does. */
export async function tryBuild(target: Target, copy: Copy, { signal, onLine }: Work): Promise<Trial> {
  const reader = new LogReader();
  const take = (line: string): void => {
    reader.line(line);
    onLine(line);
  };
  const { ok, timedOut } = await target.trial(copy, { signal, onLine: take });
  return { ok, timedOut, log: reader.end() };
}

/** Where a build stands, to compare: `stage:instructions left`; undefined where it did not tell. */
function remaining({ log: { failing } }: Trial): { readonly stage: string; readonly left: number } | undefined {
  if (failing?.step === undefined || failing.of === undefined) return undefined;
  return { stage: failing.stage ?? "", left: failing.of - failing.step };
}

/** Distinguishes the same fault at two places of one build. */
export function placeOf(trial: Trial): string {
  const at = remaining(trial);
  return at ? `${at.stage}:${at.left}` : "";
}

/** Fewer instructions are left, counted from the end, so that one more in front does not matter. "same" where nobody can tell. */
export function progress(before: Trial, after: Trial): "further" | "same" | "less" {
  if (after.ok) return "further";
  if (before.ok || after.timedOut) return "less";
  const [from, to] = [remaining(before), remaining(after)];
  if (!from || !to || from.stage !== to.stage || from.left === to.left) return "same";
  return to.left < from.left ? "further" : "less";
}
