import type { Clock } from "./clock.ts";

/** What the last id of a clock used, so that the next one sorts after it. */
interface Last {
  ms: number;
  counter: number;
}

const COUNTER_LIMIT = 2 ** 42;

/** Keyed by clock, not one for the module: two fake clocks do not disturb each other. */
const lastOf = new WeakMap<Clock, Last>();

/**
 * A UUIDv7 (RFC 9562 §5.7). Ids of one clock sort strictly in the order they were made, within a millisecond and across
 * a wall clock that steps back too: 42 bits after the time are a counter with a random start (§6.2, method 1), the other 32 are random.
 */
export function uuidv7(clock: Clock): string {
  const { ms, counter } = advance(clock);
  const time = hex(ms, 12);
  const high = hex(Math.floor(counter / 2 ** 30), 3);
  const low = counter % 2 ** 30;
  const variant = hex(0x8000 + Math.floor(low / 2 ** 16), 4);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-${variant}-${hex(low % 2 ** 16, 4)}${hex(Math.floor(clock.random() * 2 ** 32), 8)}`;
}

function advance(clock: Clock): Last {
  const now = Math.trunc(clock.now());
  const last = lastOf.get(clock);
  if (last && now <= last.ms && last.counter + 1 < COUNTER_LIMIT) {
    last.counter += 1;
    return last;
  }
  const next = { ms: last && now <= last.ms ? last.ms + 1 : now, counter: Math.floor(clock.random() * (COUNTER_LIMIT / 2)) };
  lastOf.set(clock, next);
  return next;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
