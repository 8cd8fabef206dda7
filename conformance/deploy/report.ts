import type { Result } from "./scenario.ts";

const WORD = { ok: "ok  ", failed: "FAIL", skipped: "skip" } as const;

/** `ok   3  Deploy, then rollback …  (412 ms)`; what went wrong, or why it was left out, in lines below. */
export function lineOf({ id, name, result, duration_ms, detail }: Result): string {
  const head = `${WORD[result]} ${String(id).padStart(2)}  ${name}`;
  if (result === "ok") return `${head}  (${[`${duration_ms} ms`, detail].filter(Boolean).join("; ")})`;
  return `${head}${result === "failed" ? `  (${duration_ms} ms)` : ""}\n${detail.replaceAll(/^/gm, "         ")}`;
}

export function summaryOf(results: readonly Result[]): string {
  const count = (wanted: Result["result"]): number => results.filter(({ result }) => result === wanted).length;
  return `${count("ok")} ok, ${count("failed")} failed, ${count("skipped")} skipped`;
}

/** 0: nothing failed. */
export function exitCodeOf(results: readonly Result[]): number {
  return results.some(({ result }) => result === "failed") ? 1 : 0;
}
