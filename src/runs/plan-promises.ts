import { didYouMean } from "../kernel/nearest.ts";
import type { PlanStep } from "./plan.ts";
import type { Reference } from "./template.ts";

/** What every request has, whatever else it promises. */
const OF_A_REQUEST = ["status", "headers", "body"];

/** What is wrong with a reference to an output that the step, which says what it promises, does not promise. */
export function promiseTrouble(
  { id, outputs, http, approval, wait_for: wait, for_each: each }: PlanStep,
  reference: Reference,
): string | undefined {
  const [key] = reference.path;
  if (key === undefined || outputs === undefined || approval !== undefined || wait !== undefined) return undefined;
  const known = each ? ["items"] : [...outputs, ...(http ? OF_A_REQUEST : [])];
  if (known.includes(key)) return undefined;
  const hint = didYouMean(key, known);
  const promised = each ? "is a for_each, whose output is items" : `does not promise ${key} in its outputs`;
  return `${reference.text}: ${id} ${promised}${hint === undefined ? "" : `; ${hint}`}`;
}
