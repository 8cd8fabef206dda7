import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import { RestartDelay } from "./control-delay.ts";
import { Waiters } from "./control-wait.ts";

test("a worker that had proven itself is replaced at once, one that dies as it starts ever later", () => {
  const delay = new RestartDelay(new FakeClock());
  delay.ended(3_000);
  expect(delay.ms).toBe(0);
  const delays = Array.from({ length: 8 }, () => {
    delay.ended(10);
    return delay.ms;
  });
  expect(delays).toEqual([0, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
  expect(delay.hopeless).toBe(true);
  delay.ended(3_000);
  expect(delay.ms).toBe(0);
});

test("a condition is waited for until it holds, the time is over, or nobody wants it any more", async () => {
  const clock = new FakeClock();
  const waiters = new Waiters(clock);
  let open = false;
  const held = waiters.until(() => open, {});
  const late = waiters.until(() => false, { timeoutMs: 100 });
  const over = new AbortController();
  const aborted = waiters.until(() => false, { signal: over.signal });
  waiters.look();
  open = true;
  waiters.look();
  expect(await held).toBe(true);
  await clock.advance(100);
  expect(await late).toBe(false);
  over.abort(new Error("enough"));
  expect(aborted).rejects.toThrow("enough");
  await Promise.allSettled([aborted]);
  expect(await waiters.until(() => true, {})).toBe(true);
});
