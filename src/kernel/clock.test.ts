import { expect, jest, test } from "bun:test";
import { systemClock } from "./clock.ts";

const DAY_MS = 86_400_000;

test("a timer of more than the 24 days that setTimeout can count fires after all of them, or never once it is cancelled", () => {
  jest.useFakeTimers();
  try {
    const fired: string[] = [];
    const clock = systemClock();
    clock.after(40 * DAY_MS, () => fired.push("in 40 days"));
    const cancel = clock.after(40 * DAY_MS, () => fired.push("never"));
    jest.advanceTimersByTime(39 * DAY_MS);
    expect(fired).toEqual([]);
    cancel();
    jest.advanceTimersByTime(2 * DAY_MS);
    expect(fired).toEqual(["in 40 days"]);
  } finally {
    jest.useRealTimers();
  }
});
