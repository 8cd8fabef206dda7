import type { Priority } from "../request.ts";
import { Arrivals } from "./arrivals.ts";
import type { Scene } from "./futures.ts";
import { ServiceTimes } from "./service-times.ts";
import { likelyStartIn, sampled, shareOf } from "./shrink.ts";
import type { Ahead, Lengths } from "./tally.ts";

const NONE: Lengths = { tasks: 0, tokens: 0, unsized: 0 };

/** What a prediction is of. */
export interface PlaceInQueue {
  /** Tasks that start before it. */
  readonly position: number;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  /** The same tasks with their lengths, as the queue told. Without it they count as any. */
  readonly ahead?: Ahead;
  /** Default: interactive, which nobody overtakes but what has aged. */
  readonly priority?: Priority;
  /** Ms that it has waited so far; default: 0. */
  readonly waitedMs?: number;
  /** Of an interactive task: monotonic ms at which batch tasks behind it will have aged, ascending. */
  readonly ripening?: readonly number[];
  /** Replicas whose slots are not counted: that something on them ends frees none of the others. */
  readonly without?: ReadonlySet<string>;
}

interface Running {
  readonly at: number;
  readonly tokens: number | undefined;
  readonly replica: string | undefined;
}

type Others = Pick<Scene, "interactive" | "batch" | "agedInMs" | "inflow" | "ripening" | "ripe">;

/** How fast a pool works its queue off, as measured, and when a task will start. All times are monotonic ms and given. */
export class Drain {
  private readonly running = new Map<string, Running>();
  private readonly times = new ServiceTimes();
  private readonly arrivals = { interactive: new Arrivals(), batch: new Arrivals() };

  /** `ageingMs`: of the queue. */
  constructor(private readonly options: { readonly ageingMs: number } = { ageingMs: Number.POSITIVE_INFINITY }) {}

  /** A task has taken a slot, of `replica`; again when it is tried again. */
  began(
    id: string,
    { at, expectedTokens, replica }: { readonly at: number; readonly expectedTokens?: number; readonly replica?: string },
  ): void {
    this.running.set(id, { at, tokens: expectedTokens, replica });
  }

  /** It has left its slot, however it ended. Of one that had none nothing is learnt. */
  ended(id: string, at: number): void {
    const began = this.running.get(id);
    if (!began) return;
    this.running.delete(id);
    this.times.measured(at - began.at, began.tokens);
  }

  /** A task has come: for each such one batch tasks start later, and interactive ones once it has aged. */
  arrived(task: { readonly at: number; readonly priority: Priority; readonly tokens?: number }): void {
    this.arrivals[task.priority].add(task.at, task.tokens);
  }

  /** Ms from now until a task of this place starts; 0: at once. */
  predict(place: PlaceInQueue, now: number): number {
    const { position, slotsTotal, slotsFree } = place;
    if (position < slotsFree) return 0;
    const counted = place.without ? this.runningWithout(place.without) : this.running;
    const share = shareOf(Math.max(slotsTotal, slotsFree + counted.size));
    const running = sampled(counted.values(), share).map(({ at, tokens }) => ({
      service: this.times.of(tokens),
      elapsedMs: now - at,
    }));
    // Without any slot at all: as if somebody else held the only one.
    const taken = Math.max(slotsTotal === 0 && running.length === 0 ? 1 : 0, slotsTotal - slotsFree - counted.size);
    const busy = { slotsFree, running, taken: { tasks: taken, service: this.times.of(undefined) } };
    return likelyStartIn({ ...busy, ...this.others(place, now) }, share);
  }

  private runningWithout(replicas: ReadonlySet<string>): ReadonlySet<Running> {
    return new Set(this.running.values().filter(({ replica }) => replica === undefined || !replicas.has(replica)));
  }

  private others({ position, priority, ahead, waitedMs = 0, ripening = [] }: PlaceInQueue, now: number): Others {
    const { interactive, batch } = ahead ?? { interactive: { tasks: position, tokens: 0, unsized: position }, batch: NONE };
    const { ageingMs } = this.options;
    const isBatch = priority === "batch";
    const inflow = this.arrivals[isBatch ? "interactive" : "batch"].inflow(this.times, now);
    return {
      interactive: this.group(interactive),
      batch: this.group(batch),
      agedInMs: isBatch ? ageingMs - waitedMs : Number.POSITIVE_INFINITY,
      inflow: inflow && { ...inflow, delayMs: isBatch ? 0 : ageingMs },
      ripening: ripening.map((at) => at - now),
      ripe: this.arrivals.batch.service(this.times),
    };
  }

  private group(lengths: Lengths): Scene["batch"] {
    return { tasks: lengths.tasks, service: this.times.mean(lengths) };
  }
}
