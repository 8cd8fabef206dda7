import { expect, test } from "bun:test";
import fc from "fast-check";
import { isBreakerFailure, isReplicasOwn, isRetriable, MAX_TRIES, retryDelay } from "./retry.ts";

test("three retries with full jitter, then none", () => {
  expect([1, 2, 3, 4].map((tries) => retryDelay(tries, 0.5))).toEqual([50, 100, 200, undefined]);
  expect(MAX_TRIES).toBe(4);
  const delays = fc.property(
    fc.integer({ min: 1, max: 3 }),
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    (tries, random) => {
      const delay = retryDelay(tries, random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(100 * 2 ** (tries - 1));
    },
  );
  fc.assert(delays);
});

test("what the engine asks for is waited, up to a cap", () => {
  expect([retryDelay(1, 0.5, 700), retryDelay(1, 0.5, 10), retryDelay(1, 0, 3_600_000), retryDelay(4, 0, 1)]).toEqual([
    700,
    50,
    10_000,
    undefined,
  ]);
});

test.each([
  [{ kind: "connect" }, true, true],
  [{ kind: "timeout" }, false, true],
  [{ kind: "reset" }, true, true],
  [{ kind: "http", status: 503 }, true, true],
  [{ kind: "http", status: 500 }, true, true],
  [{ kind: "http", status: 429 }, true, false],
  [{ kind: "http", status: 200 }, true, true],
  [{ kind: "refused", status: 400 }, false, false],
  [{ kind: "refused", status: 404 }, false, false],
  [{ kind: "canceled" }, false, false],
] as const)("%j: again %p, against the circuit %p", (fault, again, counts) => {
  expect([isRetriable(fault, 0), isBreakerFailure(fault)]).toEqual([again, counts]);
  expect(isRetriable(fault, 1)).toBe(false);
});

test("a wrong key, path or model may be the replica's own fault, a wrong request is not", () => {
  const refused = [400, 401, 402, 403, 404, 405, 413, 415, 422].filter((status) => isReplicasOwn({ kind: "refused", status }));
  expect(refused).toEqual([401, 403, 404, 405]);
  expect([isReplicasOwn({ kind: "refused" }), isReplicasOwn({ kind: "http", status: 404 })]).toEqual([false, false]);
});
