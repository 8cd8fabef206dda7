import { FLOOR_MS, likelyStart, type Scene } from "./futures.ts";

/** That are simulated. Of a pool of more slots a smaller one is, that has its share of everything. */
const MAX_SLOTS = 1000;

/** What part of so many slots is simulated: 1, but for large pools. */
export function shareOf(slots: number): number {
  return Math.min(1, MAX_SLOTS / slots);
}

/** So large a share of them, evenly spread. */
export function sampled<T>(all: Iterable<T>, share: number): T[] {
  if (share === 1) return [...all];
  const some: T[] = [];
  let nth = 0;
  for (const each of all) if (Math.floor(++nth * share) > some.length) some.push(each);
  return some;
}

/** When a task starts. `running` has been sampled already; the rest of the scene is as it is. */
export function likelyStartIn(scene: Scene, share: number): number {
  if (share === 1) return likelyStart(scene);
  const { taken, batch, interactive, inflow, ripening } = scene;
  // The how manieth slot to become free it gets; between two of those of the smaller pool.
  const nth = Math.max(1, interactive.tasks + batch.tasks - scene.slotsFree + 1) * share;
  const whole = Math.ceil(nth);
  const slotsFree = Math.round(scene.slotsFree * share);
  const before = { interactive: Math.floor(interactive.tasks * share), all: slotsFree + whole - 1 };
  const start = likelyStart({
    ...scene,
    slotsFree,
    taken: { ...taken, tasks: Math.round(taken.tasks * share) },
    interactive: { ...interactive, tasks: Math.min(before.interactive, before.all) },
    batch: { ...batch, tasks: Math.max(0, before.all - before.interactive) },
    inflow: inflow && { ...inflow, gaps: inflow.gaps.map((gap) => gap / share), sinceMs: inflow.sinceMs / share },
    ripening: sampled(ripening, share),
  });
  return Math.max(FLOOR_MS, (start * nth) / whole);
}
