import { expect, test } from "bun:test";
import fc from "fast-check";
import { afterFailure, CRASH_LOOP, type Failure, type Loop } from "./crash-loop.ts";

const { runs, windowMs, quietMs } = CRASH_LOOP;

/** Which of them are told. */
function told(failures: readonly Failure[]): number[] {
  let loop: Loop | undefined;
  return failures.flatMap((failure, at) => {
    const verdict = afterFailure(loop, failure);
    loop = verdict.loop;
    return verdict.found ? [at] : [];
  });
}

function every(ms: number, count: number, version = "a", fromMs = 0): Failure[] {
  return Array.from({ length: count }, (_, n) => ({ version, atMs: fromMs + n * ms, gaveUp: false }));
}

test("the third failed run within the window is a loop, told once however long it goes on", () => {
  expect(told(every(1000, 2))).toEqual([]);
  expect(told(every(1000, 500))).toEqual([2]);
  expect(
    afterFailure(
      afterFailure(afterFailure(undefined, every(1000, 1)[0] as Failure).loop, { version: "a", atMs: 1000, gaveUp: false }).loop,
      {
        version: "a",
        atMs: 5000,
        gaveUp: false,
      },
    ).found,
  ).toEqual({ runs: 3, withinMs: 5000, gaveUp: false });
});

test("failures that are far apart are none", () => {
  expect(told(every(windowMs / 2, 100))).toEqual([]);
});

test("one that gave up is told at once", () => {
  expect(told([{ version: "a", atMs: 0, gaveUp: true }])).toEqual([0]);
  expect(told([...every(1000, 5), { version: "a", atMs: 6000, gaveUp: true }])).toEqual([2]);
});

test("after a quiet time it is another loop", () => {
  expect(told([...every(1000, 5), ...every(1000, 5, "a", 4000 + quietMs)])).toEqual([2, 7]);
  expect(told([...every(1000, 5), ...every(1000, 5, "a", 4000 + quietMs - 1)])).toEqual([2]);
});

test("another version loops for itself; one that is put back is the loop of before", () => {
  const failures = [...every(1000, 5), ...every(1000, 3, "b", 10_000), ...every(1000, 50, "a", 20_000)];
  expect(told(failures)).toEqual([2, 7]);
});

test("whatever fails and when: little is remembered, and never more is told than loops can be", () => {
  const failure = fc.record({ version: fc.constantFrom("a", "b", "c"), stepMs: fc.nat(quietMs * 2), gaveUp: fc.boolean() });
  fc.assert(
    fc.property(fc.array(failure, { maxLength: 60 }), (steps) => {
      let loop: Loop | undefined;
      let atMs = 0;
      const running = new Set<string>();
      const lastMs = new Map<string, number>();
      for (const { version, stepMs, gaveUp } of steps) {
        atMs += stepMs;
        if (atMs - (lastMs.get(version) ?? 0) >= quietMs) running.delete(version);
        lastMs.set(version, atMs);
        const verdict = afterFailure(loop, { version, atMs, gaveUp });
        loop = verdict.loop;
        expect([loop.failedAtMs.length <= runs, loop.told.length <= 8]).toEqual([true, true]);
        if (!verdict.found) continue;
        expect(running.has(version)).toBe(false);
        running.add(version);
      }
    }),
  );
});
