import type { Clock } from "../../kernel/clock.ts";

const PREFIX_BITS = 48;

/** Ids for X-Request-Id: a random beginning of this process and a number. Unlike a UUID they cost a request next to nothing. */
export function requestIds(clock: Clock): () => string {
  const prefix = Math.floor(clock.random() * 2 ** PREFIX_BITS)
    .toString(16)
    .padStart(PREFIX_BITS / 4, "0");
  let count = 0;
  return () => `${prefix}-${++count}`;
}
