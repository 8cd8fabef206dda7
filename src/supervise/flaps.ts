/** Readiness lost this often within the window is flapping. */
const FLAPPING_FROM = 3;
const WINDOW_MS = 60_000;
/** More are not remembered: by then the longest settling time applies. */
const MAX_FLAPS = 16;
const MIN_SETTLE_MS = 1000;
const MAX_SETTLE_MS = 30_000;

/** Readiness has been lost now. Times are epoch ms, oldest first. */
export function withFlap(flaps: readonly number[] = [], now: number): number[] {
  return [...recent(flaps, now), now].slice(-MAX_FLAPS);
}

/** How often readiness was lost in the last minute; undefined while that is no pattern yet. */
export function flapping(flaps: readonly number[] = [], now: number): number | undefined {
  const count = recent(flaps, now).length;
  return count < FLAPPING_FROM ? undefined : count;
}

/**
 * How long one that has flapped this often must stay ready before others start on the strength of it: doubled with each time, so that
 * a whole stack does not follow it up and down.
 */
export function settleMs(count: number): number {
  return Math.min(MAX_SETTLE_MS, MIN_SETTLE_MS * 2 ** Math.max(0, count - FLAPPING_FROM));
}

/** A wall clock that was set back leaves times in the future. */
function recent(flaps: readonly number[], now: number): readonly number[] {
  return flaps.filter((at) => Math.abs(now - at) <= WINDOW_MS);
}
