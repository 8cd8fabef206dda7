import type { Inflow } from "./arrivals.ts";
import type { ServiceTime } from "./service-times.ts";

/** Enough to see where most of them lie. A long queue needs fewer: what is off in one task is made up for by another. */
const FUTURES = { most: 40, least: 10 };
/** Of all futures together, so that every POST can have a prediction; beyond its part each goes on at the pace it had. */
const STEPS = 4000;
/** Below this nobody cares how long it was. */
export const FLOOR_MS = 25;
/** Newcomers that one future has: that they go on coming as they did is less and less likely. */
const FORESEEN = 40;
const BEYOND = [0.1, 0.3, 0.5, 0.7, 0.9];
const SEED = 0x9e3779b9;

/** The moment from which futures are drawn. Times are ms from now. */
export interface Scene {
  readonly slotsFree: number;
  /** Of each task that runs: what it holds its slot for in all, and since when. */
  readonly running: readonly Running[];
  /** Slots that others hold, since nobody knows when. */
  readonly taken: Group;
  /** Wait, and start before it. */
  readonly batch: Group;
  /** The same, as long as it has not aged. */
  readonly interactive: Group;
  /** From when on no interactive task starts before it; Infinity: never, it is one itself. */
  readonly agedInMs: number;
  /** Of the other class: they start before it as they come if it is batch, and once they have aged if it is interactive. */
  readonly inflow: (Inflow & { readonly delayMs: number }) | undefined;
  /** When those that wait behind it will have aged, which puts them before it; ascending. */
  readonly ripening: readonly number[];
  /** Of one of those. */
  readonly ripe: ServiceTime;
}

interface Running {
  readonly service: ServiceTime;
  readonly elapsedMs: number;
}

interface Group {
  readonly tasks: number;
  /** What each of them holds its slot for. */
  readonly service: ServiceTime;
}

/** When a task starts: of the times that many simulated futures give, the one that most of them come within a factor of two of. */
export function likelyStart(scene: Scene): number {
  const random = numbers(SEED);
  const beginnings = { residuals: scene.running.map(residuals), gaps: scene.inflow ? rests(scene.inflow.gaps, scene.inflow.sinceMs) : [] };
  const tasks = scene.running.length + scene.taken.tasks + scene.interactive.tasks + scene.batch.tasks;
  const count = Math.max(FUTURES.least, Math.min(FUTURES.most, Math.ceil(STEPS / (tasks + 1))));
  const chances = { ...beginnings, random, steps: STEPS / count };
  const starts = Array.from({ length: count }, () => Math.max(FLOOR_MS, oneFuture(scene, chances)));
  return fullest(starts.toSorted((a, b) => a - b));
}

/** The middle, on a scale of factors, of the window of a factor of four that most values lie in. */
function fullest(starts: readonly number[]): number {
  let best = { from: 0, to: 0 };
  for (let from = 0, to = 0; from < starts.length; from++) {
    while (to + 1 < starts.length && (starts[to + 1] ?? 0) <= 4 * (starts[from] ?? 0)) to += 1;
    if (to - from > best.to - best.from) best = { from, to };
  }
  return Math.sqrt((starts[best.from] ?? 0) * (starts[best.to] ?? 0));
}

interface Chances {
  readonly random: () => number;
  /** Of each task that runs: ms that may be left of it. */
  readonly residuals: readonly (readonly number[])[];
  /** Ms until the next one may come. */
  readonly gaps: readonly number[];
  readonly steps: number;
}

function oneFuture(scene: Scene, { random, residuals, gaps, steps }: Chances): number {
  const { taken, interactive, batch, inflow } = scene;
  const busy = [
    ...residuals.map((left) => pick(left, random)),
    ...Array.from({ length: taken.tasks }, () => random() * draw(taken.service, random)),
  ];
  const slots = new Slots(busy, scene.slotsFree);
  const left = { interactive: interactive.tasks, batch: batch.tasks };
  let ripe = 0;
  let come = 0;
  let arrival = inflow ? inflow.delayMs + pick(gaps, random) : Number.POSITIVE_INFINITY;
  for (let step = 0; ; step++) {
    const now = slots.first;
    const canBeOvertaken = now < scene.agedInMs;
    if (step >= steps)
      return now + (left.batch * batch.service.ms + (canBeOvertaken ? left.interactive * interactive.service.ms : 0)) / slots.count;
    if ((scene.ripening[ripe] ?? Number.POSITIVE_INFINITY) <= now) {
      ripe += 1;
      slots.take(draw(scene.ripe, random));
    } else if (canBeOvertaken && inflow && arrival <= now) {
      come += 1;
      arrival = come < FORESEEN ? arrival + pick(inflow.gaps, random) : Number.POSITIVE_INFINITY;
      slots.take(draw(inflow.service, random));
    } else if (canBeOvertaken && left.interactive > 0) {
      left.interactive -= 1;
      slots.take(draw(interactive.service, random));
    } else if (left.batch > 0) {
      left.batch -= 1;
      slots.take(draw(batch.service, random));
    } else return now;
  }
}

/** What may be left of a service time, given that it was not over before. */
function residuals({ service, elapsedMs }: Running): number[] {
  return rests(
    service.ratios.map((ratio) => ratio * service.ms),
    elapsedMs,
  );
}

/** One that takes longer than any did may take as long again. */
function rests(all: readonly number[], passedMs: number): number[] {
  const left = all.filter((each) => each > passedMs).map((each) => each - passedMs);
  return left.length > 0 ? left : BEYOND.map((share) => share * passedMs);
}

function draw({ ms, ratios }: ServiceTime, random: () => number): number {
  return ms * pick(ratios, random);
}

function pick(from: readonly number[], random: () => number): number {
  return from[Math.floor(random() * from.length)] ?? 0;
}

/** Times at which slots become free, least first, as a binary heap. */
class Slots {
  private readonly times: Float64Array;

  constructor(busy: readonly number[], free: number) {
    this.times = new Float64Array(Math.max(1, busy.length + free));
    this.times.set(busy);
    this.times.sort();
  }

  get first(): number {
    return this.times[0] ?? 0;
  }

  get count(): number {
    return this.times.length;
  }

  /** The first one, for so long. */
  take(ms: number): void {
    const { times } = this;
    const until = this.first + ms;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if ((times[child + 1] ?? Number.POSITIVE_INFINITY) < (times[child] ?? Number.POSITIVE_INFINITY)) child += 1;
      const earlier = times[child];
      if (earlier === undefined || earlier >= until) break;
      times[index] = earlier;
      index = child;
    }
    times[index] = until;
  }
}

/** The same for every prediction, so that two in a row differ by what they know alone (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
