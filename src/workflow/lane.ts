/**
 * Bounded admission per key: at most one run of a lane moves, the others wait in order. Pure bookkeeping;
 * whoever is let through is told by the caller.
 */

/** More waiting changes than this to one stack is a client gone wrong. */
export const MAX_WAITING = 256;

export type Admission =
  | { readonly kind: "go" }
  | { readonly kind: "wait"; readonly position: number }
  | { readonly kind: "refuse"; readonly holder: string; readonly reason: string };

export class Lanes {
  private readonly lanes = new Map<string, { holder: string; waiting: string[] }>();

  /** Takes the lane, a place in its queue, or (with `onBusy: "reject"`, or a full queue) nothing. `resume`: it was admitted before. */
  admit(lane: string, run: string, onBusy: "queue" | "reject" | "resume"): Admission {
    const held = this.lanes.get(lane);
    if (!held) {
      this.lanes.set(lane, { holder: run, waiting: [] });
      return { kind: "go" };
    }
    if (onBusy === "reject") return { kind: "refuse", holder: held.holder, reason: "another change is under way" };
    if (onBusy !== "resume" && held.waiting.length >= MAX_WAITING)
      return { kind: "refuse", holder: held.holder, reason: `${MAX_WAITING} changes are waiting already` };
    held.waiting.push(run);
    return { kind: "wait", position: held.waiting.length };
  }

  /** Gives the lane (or the place in its queue) back and names the run that may go next. Idempotent. */
  release(lane: string, run: string): string | undefined {
    const held = this.lanes.get(lane);
    if (!held) return undefined;
    if (held.holder !== run) {
      held.waiting = held.waiting.filter((waiting) => waiting !== run);
      return undefined;
    }
    const next = held.waiting.shift();
    if (next === undefined) this.lanes.delete(lane);
    else held.holder = next;
    return next;
  }

  holder(lane: string): string | undefined {
    return this.lanes.get(lane)?.holder;
  }

  waiting(lane: string): readonly string[] {
    return this.lanes.get(lane)?.waiting ?? [];
  }
}
