import type { CronTimes } from "../../kernel/cron.ts";
import type { CatchUp } from "./view.ts";

/** Missed times that are made up for at most, and looked at. */
const MAX_CATCH_UP = 1000;
/** A wall clock that goes back by no more than this does not make a schedule fire its last time again. */
export const SMALL_STEP_MS = 60_000;

export interface DueQuery {
  readonly times: CronTimes;
  readonly catchUp: CatchUp;
  readonly nextAt: number;
  readonly now: number;
  /** Since when, on today's wall clock, somebody has been watching without a break. */
  readonly watchedFrom: number;
  /** Nobody watched because no daemon ran; else the clock was set forward, or the machine slept. */
  readonly wasDown: boolean;
}

export interface Due {
  /** Oldest first. */
  readonly fires: readonly number[];
  /** Times that are left out, of the newest 1,000. */
  readonly missed: readonly number[];
  /** Undefined: never again. */
  readonly next: number | undefined;
}

/**
 * What a schedule owes now. A time within the watched one is fired, however late the look. Of those before: `skip` forgets them, `one` fires the last of
 * them, `all` fires each, 1,000 at most; where a running daemon's clock jumped ahead `all` is `one`, for that time never passed.
 */
export function due(query: DueQuery): Due {
  const { times, nextAt, now, watchedFrom } = query;
  if (nextAt > now) {
    const next = times.next(now + SMALL_STEP_MS);
    // A time before the next one: the clock has been set back since that was reckoned.
    return { fires: [], missed: [], next: next !== undefined && next < nextAt ? times.next(now) : nextAt };
  }
  const all = times.between(nextAt, now, MAX_CATCH_UP);
  const unseen = all.filter((at) => at <= watchedFrom);
  const madeUp = unseen.slice(unseen.length - madeUpCount(query, unseen.length));
  return {
    fires: [...madeUp, ...all.slice(unseen.length)],
    missed: unseen.slice(0, unseen.length - madeUp.length),
    next: times.next(now),
  };
}

function madeUpCount({ catchUp, wasDown }: DueQuery, unseen: number): number {
  if (catchUp === "skip") return 0;
  return catchUp === "all" && wasDown ? unseen : Math.min(1, unseen);
}
