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

interface Place {
  readonly run: string;
  readonly priority: number;
}

interface Lane {
  /** Nobody while the lane rests. */
  holder: string | undefined;
  waiting: readonly Place[];
}

export interface AdmitOptions {
  /** `resume`: it was admitted before. */
  readonly onBusy: "queue" | "reject" | "resume";
  /** Higher ones go first, equal ones in order. 0 unless given. */
  readonly priority?: number;
  /** Nobody may go now: it waits although nobody holds the lane, until `wake`. */
  readonly rests?: boolean;
}

export class Lanes {
  private readonly lanes = new Map<string, Lane>();

  /** Takes the lane, a place in its queue, or (with `onBusy: "reject"`, or a full queue) nothing. */
  admit(lane: string, run: string, { onBusy, priority = 0, rests = false }: AdmitOptions): Admission {
    const held = this.lanes.get(lane);
    if (!held && !rests) {
      this.lanes.set(lane, { holder: run, waiting: [] });
      return { kind: "go" };
    }
    const { holder = "", waiting = [] } = held ?? {};
    if (onBusy === "reject" && held) return { kind: "refuse", holder, reason: "another change is under way" };
    if (onBusy !== "resume" && waiting.length >= MAX_WAITING)
      return { kind: "refuse", holder, reason: `${MAX_WAITING} changes are waiting already` };
    const before = waiting.filter((place) => place.priority >= priority);
    this.lanes.set(lane, { holder: held?.holder, waiting: [...before, { run, priority }, ...waiting.slice(before.length)] });
    return { kind: "wait", position: before.length + 1 };
  }

  /** Gives the lane (or the place in its queue) back and names the run that may go next; where the lane `rests` nobody, until `wake`. Idempotent. */
  release(lane: string, run: string, rests = false): string | undefined {
    const held = this.lanes.get(lane);
    if (!held) return undefined;
    const wasHolder = held.holder === run;
    if (wasHolder) held.holder = undefined;
    else held.waiting = held.waiting.filter((place) => place.run !== run);
    if (held.holder === undefined && held.waiting.length === 0) this.lanes.delete(lane);
    return wasHolder && !rests ? this.wake(lane) : undefined;
  }

  /** Lets the first who waits go where nobody holds the lane, and names it. */
  wake(lane: string): string | undefined {
    const held = this.lanes.get(lane);
    const [first, ...rest] = held?.waiting ?? [];
    if (!held || held.holder !== undefined || !first) return undefined;
    held.holder = first.run;
    held.waiting = rest;
    return first.run;
  }

  holder(lane: string): string | undefined {
    return this.lanes.get(lane)?.holder;
  }

  waiting(lane: string): readonly string[] {
    return (this.lanes.get(lane)?.waiting ?? []).map(({ run }) => run);
  }
}
