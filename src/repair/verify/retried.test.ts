import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import type { Look } from "./check.ts";
import { retried, type Series } from "./retried.ts";

function begin(looks: readonly Look[], more: Partial<Series> = {}) {
  const clock = new FakeClock();
  const times: number[] = [];
  const lines: string[] = [];
  const left: number[] = [];
  const signal = new AbortController();
  const series = { name: "http", timeoutMs: 20_000, clock, signal: signal.signal, onLine: (line: string) => lines.push(line), ...more };
  const result = retried(series, (leftMs) => {
    times.push(clock.monotonic());
    left.push(leftMs);
    return Promise.resolve(looks[Math.min(times.length, looks.length) - 1] as Look);
  });
  return { clock, times, lines, left, result, stop: () => signal.abort(new Error("stopped")) };
}

const NOT_YET = { ok: false, detail: "503" };

test("looks come ever later, from 200 ms to 5 s, until the deadline, and once more then", async () => {
  const { clock, times, lines, left, result } = begin([NOT_YET]);
  await clock.advance(60_000);
  expect(await result).toEqual({ ok: false, detail: "503; given up after 20s and 9 attempts" });
  expect(times).toEqual([0, 200, 600, 1400, 3000, 6200, 11_200, 16_200, 20_000]);
  expect([left[0], left.at(-1)]).toEqual([20_000, 0]);
  expect(lines.length).toBe(9);
  expect(lines[0]).toBe("attempt 1: http: not yet: 503");
  expect(clock.pendingTimers).toBe(0);
});

test("what is well or hopeless ends it", async () => {
  const well = begin([NOT_YET, NOT_YET, { ok: true, detail: "200" }]);
  await well.clock.advance(700);
  expect(await well.result).toEqual({ ok: true, detail: "200" });
  expect(well.lines.at(-1)).toBe("attempt 3: http: ok: 200");
  expect(await begin([{ ok: false, final: true, detail: "it has ended" }]).result).toEqual({ ok: false, detail: "it has ended" });
});

test("what is asked often is told when it changes", async () => {
  const { clock, lines, result } = begin([NOT_YET, NOT_YET, NOT_YET, { ok: true, detail: "200" }], { everyMs: 250 });
  await clock.advance(1000);
  await result;
  expect(lines).toEqual(["http: not yet: 503", "http: ok: 200"]);
});

test("an abort ends the wait, with its reason and no timer left", async () => {
  const { clock, result, stop } = begin([NOT_YET]);
  await clock.advance(300);
  stop();
  expect(await result.catch((error: unknown) => String(error))).toBe("Error: stopped");
  expect(clock.pendingTimers).toBe(0);
});
