import type { StepDecision } from "./moment.ts";

const MAX_CHANGES = 500;
/** Of outputs and contents as JSON: a worker sends a batch as the body of one request. */
const MAX_BYTES = 512 * 1024;

/** Decisions in the order in which they were made, as many at once as one transaction takes. */
export function batches(decisions: readonly StepDecision[]): StepDecision[][] {
  const found: StepDecision[][] = [];
  let bytes = Infinity;
  for (const decision of decisions) {
    const more = weight(decision);
    const last = found.at(-1);
    if (last && last.length < MAX_CHANGES && bytes + more <= MAX_BYTES) {
      last.push(decision);
      bytes += more;
    } else {
      found.push([decision]);
      bytes = more;
    }
  }
  return found;
}

/** The last steps may end in the transaction of their run's end: they have nothing to say before, as its log ends with it. */
export function fitsWithEnd(decisions: readonly StepDecision[]): boolean {
  return decisions.every((one) => one.do === "complete") && batches(decisions).length <= 1;
}

function weight({ change: { set, waiting, error } }: StepDecision): number {
  const large = [set?.outputs, waiting?.content, error].filter((part) => part !== undefined);
  return large.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(large));
}
