import type { Finding } from "../finding.ts";
import type { Look } from "./check.ts";

/** Shorter lines are found in any log. */
const MIN_LINE_CHARS = 8;

/** Whether what a fault was known by is in a log again: the lines it was read from, but for their numbers and times. */
export function stillThere({ signature, evidence }: Pick<Finding, "signature" | "evidence">, log: readonly string[]): string | undefined {
  const told = evidence.map((line) => line.replace(/^\w+:\d+: /, "").trim()).filter((line) => line.length >= MIN_LINE_CHARS);
  const about = signature.slice(signature.indexOf(":") + 1).toLowerCase();
  // Of several lines those that name what is at fault: that there is a traceback says nothing of which.
  const named = told.filter((line) => line.toLowerCase().includes(about));
  const wanted = new Set((named.length > 0 ? named : told).map(shapeOf));
  return log.find((line) => wanted.has(shapeOf(line)));
}

export function signatureLook(finding: Pick<Finding, "signature" | "evidence">, log: readonly string[]): Look {
  const line = stillThere(finding, log);
  if (line === undefined) return { ok: true, detail: `${finding.signature} is not in the log of the container (${log.length} lines)` };
  return { ok: false, detail: `${finding.signature} is in the log of the container again: ${line.trim().slice(0, 300)}` };
}

function shapeOf(line: string): string {
  return line
    .trim()
    .replace(/^\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\s+/, "")
    .replace(/0x[0-9a-f]+|\d+/gi, "#");
}
