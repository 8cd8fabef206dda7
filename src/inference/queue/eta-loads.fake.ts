import type { Load, LoadTask } from "./eta-load.fake.ts";

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const BASE = { slots: 4, ageingMs: 30_000, count: 600, firstTokenMs: 150, perTokenMs: 20 };

type Draw = () => number;

function between(from: number, to: number, random: Draw): number {
  return Math.round(from + (to - from) * random());
}

/** Of arrivals that know nothing of each other. */
function gapOf(meanMs: number, random: Draw): number {
  return -meanMs * Math.log(1 - random());
}

/** Most answers are short, and some ten times as long. */
function mixedLength(random: Draw): number {
  return random() < 0.7 ? between(20, 60, random) : between(200, 600, random);
}

function task(n: number, more: Pick<LoadTask, "gapMs" | "tokens"> & Partial<LoadTask>): LoadTask {
  return { key: `k${n % 5}`, priority: "interactive", expected: more.tokens, ...more };
}

/** Loads whose clients say how long their answers will be, more or less. */
export const SIZED_LOADS: Readonly<Record<string, Load>> = {
  "steady, 4 slots, lengths known to 20 %": {
    ...BASE,
    task(n, random) {
      const tokens = mixedLength(random);
      return task(n, { gapMs: gapOf(800, random), tokens, expected: Math.round(tokens * (0.8 + 0.4 * random())) });
    },
  },
  "bursts of 40, 2 slots, only max_tokens known": {
    ...BASE,
    slots: 2,
    task(n, random) {
      const expected = random() < 0.5 ? 64 : 512;
      return task(n, { gapMs: n % 40 === 0 ? 80_000 : gapOf(20, random), tokens: between(0.4 * expected, expected, random), expected });
    },
  },
  "interactive and batch, 4 slots": {
    ...BASE,
    task(n, random) {
      const isBatch = random() < 0.4;
      const tokens = isBatch ? between(200, 600, random) : between(20, 60, random);
      return task(n, { gapMs: gapOf(900, random), tokens, priority: isBatch ? "batch" : "interactive" });
    },
  },
  "60 batch tasks, then both": {
    ...BASE,
    task(n, random) {
      const isBatch = n < 60 || random() < 0.15;
      const tokens = isBatch ? between(200, 600, random) : between(20, 60, random);
      return task(n, { gapMs: n < 60 ? 5 : gapOf(800, random), tokens, priority: isBatch ? "batch" : "interactive" });
    },
  },
  "bursts of both, which age within 3 s": {
    ...BASE,
    ageingMs: 3000,
    task(n, random) {
      const isBatch = random() < 0.5;
      const tokens = isBatch ? between(200, 600, random) : between(20, 60, random);
      return task(n, { gapMs: n % 50 === 0 ? 60_000 : gapOf(100, random), tokens, priority: isBatch ? "batch" : "interactive" });
    },
  },
  "bursts of 30, 1 slot": {
    ...BASE,
    slots: 1,
    task(n, random) {
      const priority = random() < 0.3 ? "batch" : "interactive";
      return task(n, { gapMs: n % 30 === 0 ? 90_000 : gapOf(50, random), tokens: mixedLength(random), priority });
    },
  },
  "a fast engine, bursts of 100": {
    ...BASE,
    firstTokenMs: 5,
    perTokenMs: 1,
    task(n, random) {
      const priority = random() < 0.3 ? "batch" : "interactive";
      return task(n, { gapMs: n % 100 === 0 ? 3000 : gapOf(5, random), tokens: mixedLength(random), priority });
    },
  },
  "one key sends 50 at once, others one by one": {
    ...BASE,
    task(n, random) {
      const isHeavy = n % 80 < 50;
      const gapMs = n % 80 === 0 ? 5000 : isHeavy ? 5 : gapOf(500, random);
      return task(n, { gapMs, tokens: between(20, 60, random), ...(isHeavy && { key: "heavy" }) });
    },
  },
};

/** Nobody says anything: what one task will take is anybody's guess, what many take is not. */
export const UNSIZED_LOADS: Readonly<Record<string, Load>> = {
  "steady, lengths unknown": {
    ...BASE,
    task: (n, random) => task(n, { gapMs: gapOf(900, random), tokens: mixedLength(random), expected: undefined }),
  },
  "bursts of 60, lengths unknown": {
    ...BASE,
    task: (n, random) => task(n, { gapMs: n % 60 === 0 ? 60_000 : gapOf(50, random), tokens: mixedLength(random), expected: undefined }),
  },
};
