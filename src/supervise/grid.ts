import type { CancelTimer, Clock } from "../kernel/clock.ts";

/**
 * Periodic work of many meets on a grid of this step: a process woken four times a second for twenty-five services each time pays a
 * quarter of what it pays when it is woken a hundred times for one.
 */
const STEP_MS = 250;

/** What waits for one point of the grid, and the timer they share. */
interface Point {
  readonly waiting: Set<() => void>;
  readonly cancel: CancelTimer;
}

/** Keyed by clock, not one for the module: two fake clocks do not disturb each other. */
const gridOf = new WeakMap<Clock, Map<number, Point>>();

/** Calls `fn` at the point of the grid nearest to `atMs` (monotonic), or at once when that has passed. */
export function onGrid(clock: Clock, atMs: number, fn: () => void): CancelTimer {
  const grid = gridOf.get(clock) ?? new Map<number, Point>();
  gridOf.set(clock, grid);
  const index = Math.round(atMs / STEP_MS);
  const point = grid.get(index) ?? open(clock, grid, index);
  // A function of its own: the same one may wait twice.
  const call = (): void => fn();
  point.waiting.add(call);
  return () => {
    if (!point.waiting.delete(call) || point.waiting.size > 0) return;
    point.cancel();
    if (grid.get(index) === point) grid.delete(index);
  };
}

function open(clock: Clock, grid: Map<number, Point>, index: number): Point {
  const waiting = new Set<() => void>();
  const cancel = clock.after(Math.max(0, index * STEP_MS - clock.monotonic()), () => {
    grid.delete(index);
    for (const call of waiting) call();
    waiting.clear();
  });
  const point = { waiting, cancel };
  grid.set(index, point);
  return point;
}
