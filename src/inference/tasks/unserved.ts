import type { PlacedTask, ReplicaSnapshot } from "../placement/snapshot.ts";
import { isServed } from "../placement/verdict.ts";

/** Since when nobody has been there for what waits in a lane, by what it asks for: others being up is no help to it. */
export class Unserved {
  /** Monotonic ms. As many as wait at most. */
  private since = new Map<string, number>();

  /** Nobody waits in vain, as far as was looked. It stays so until replicas change: nothing is admitted that none of them takes. */
  get isEmpty(): boolean {
    return this.since.size === 0;
  }

  /** Looks at all that wait now. Returns whether nobody has been there for a task for longer than that. */
  look(waiting: readonly PlacedTask[], replicas: readonly ReplicaSnapshot[], now: number): (task: PlacedTask, limitMs: number) => boolean {
    const since = new Map<string, number>();
    const seen = new Set<string>();
    let last: PlacedTask | undefined;
    for (const task of waiting) {
      if (last && isAlike(last, task)) continue;
      last = task;
      const need = needOf(task);
      if (seen.has(need)) continue;
      seen.add(need);
      if (!isServed(replicas, task)) since.set(need, this.since.get(need) ?? now);
    }
    this.since = since;
    if (this.isEmpty) return () => false;
    return (task, limitMs) => now - (since.get(needOf(task)) ?? now) > limitMs;
  }
}

/** Of most queues all are, and a comparison is cheaper than a key. */
function isAlike(one: PlacedTask, other: PlacedTask): boolean {
  return one.model === other.model && one.ctx === other.ctx && one.vramBytes === other.vramBytes;
}

/** What makes a replica fit, or not. */
function needOf({ model, ctx = 0, vramBytes }: PlacedTask): string {
  return `${ctx} ${vramBytes} ${model}`;
}
