import type { Priority } from "../request.ts";
import { Drain } from "./eta.ts";
import { AdmissionQueue } from "./queue.ts";

/** As the daemon has it by default. */
const CAPACITY = 100;

/** A task of a simulated load. Lengths in tokens. */
export interface LoadTask {
  /** Ms after the one before. */
  readonly gapMs: number;
  readonly key: string;
  readonly priority: Priority;
  /** What the client says; undefined: nothing. */
  readonly expected: number | undefined;
  /** How long the answer will be. */
  readonly tokens: number;
}

export interface Load {
  readonly slots: number;
  readonly ageingMs: number;
  readonly count: number;
  readonly firstTokenMs: number;
  readonly perTokenMs: number;
  readonly task: (n: number, random: () => number) => LoadTask;
}

export interface Outcome {
  /** How many tasks had ended when it was predicted. */
  readonly measured: number;
  readonly priority: Priority;
  readonly position: number;
  readonly predictedMs: number;
  readonly actualMs: number;
}

interface Job extends LoadTask {
  readonly measured: number;
  readonly at: number;
  readonly position: number;
  readonly predictedMs: number;
}

/** A pool in simulated time, which asks queue and drain as the desk does. */
export function simulate(load: Load, random: () => number): Outcome[] {
  const queue = new AdmissionQueue({ capacity: CAPACITY, policy: "reject", ageingMs: load.ageingMs });
  const drain = new Drain({ ageingMs: load.ageingMs });
  const jobs = new Map<string, Job>();
  const running: { readonly id: string; readonly until: number }[] = [];
  const outcomes: Outcome[] = [];
  let ended = 0;

  const begin = (now: number): void => {
    while (running.length < load.slots) {
      const id = queue.take(now);
      const job = id === undefined ? undefined : jobs.get(id);
      if (id === undefined || !job) return;
      const { expected, measured, priority, position, predictedMs } = job;
      drain.began(id, { at: now, ...(expected !== undefined && { expectedTokens: expected }) });
      const ms = load.firstTokenMs * (0.8 + 0.4 * random()) + load.perTokenMs * job.tokens * (0.9 + 0.2 * random());
      running.push({ id, until: now + ms });
      running.sort((a, b) => a.until - b.until);
      outcomes.push({ measured, priority, position, predictedMs, actualMs: now - job.at });
    }
  };
  const runUntil = (end: number): void => {
    for (let first = running[0]; first && first.until <= end; first = running[0]) {
      running.shift();
      ended += 1;
      drain.ended(first.id, first.until);
      begin(first.until);
    }
  };
  const post = (task: LoadTask, { n, now }: { n: number; now: number }): void => {
    const id = String(n);
    const { key, priority, expected } = task;
    const cost = Math.max(1, Math.ceil((expected ?? 0) / 256));
    const sized = expected === undefined ? {} : { tokens: expected };
    const place = queue.enqueue({ id, key, priority, cost, at: now, ...sized }, now);
    if (place.kind === "refused") return;
    const { position, ahead } = place;
    drain.arrived({ at: now, priority, ...sized });
    const ripening = priority === "interactive" ? queue.ripening(now, 128) : [];
    const slots = { slotsTotal: load.slots, slotsFree: load.slots - running.length };
    const predictedMs = drain.predict({ position, ahead, priority, ripening, ...slots }, now);
    jobs.set(id, { ...task, measured: ended, at: now, position, predictedMs });
    begin(now);
  };

  let now = 0;
  for (let n = 0; n < load.count; n++) {
    const task = load.task(n, random);
    now += task.gapMs;
    runUntil(now);
    post(task, { n, now });
  }
  runUntil(Number.POSITIVE_INFINITY);
  return outcomes;
}

/** Of less than this nobody cares which it was. */
const SMALL_MS = 50;

/** Within a factor of two, or both small. */
export function isHonest({ predictedMs, actualMs }: Outcome): boolean {
  if (predictedMs < SMALL_MS && actualMs < SMALL_MS) return true;
  return predictedMs <= 2 * actualMs && actualMs <= 2 * predictedMs;
}

export function shareHonest(outcomes: readonly Outcome[]): number {
  return outcomes.filter(isHonest).length / outcomes.length;
}
