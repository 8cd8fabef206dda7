import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decideRestart, type RestartInput, type RestartPolicy } from "./restart.ts";
import type { Exit } from "./runtime.ts";

const policy: RestartPolicy = {
  condition: "always",
  maxRetries: 5,
  resetAfterMs: 60_000,
  backoff: { minMs: 1000, maxMs: 30_000, factor: 2 },
};
const clean: Exit = { code: 0, reason: "exited", at: 0 };
const crash: Exit = { code: 1, reason: "exited", at: 0 };

function decide(input: Partial<Omit<RestartInput, "policy">> & { policy?: Partial<RestartPolicy> }) {
  return decideRestart({ retries: 0, readyForMs: 0, random: () => 0.5, exit: crash, ...input, policy: { ...policy, ...input.policy } });
}

test("exit 0 completes one-shots and restarts services", () => {
  for (const condition of ["never", "on-failure"] as const) {
    expect(decide({ exit: clean, policy: { condition } })).toEqual({ giveUp: { state: "Stopped", reason: "completed" } });
  }
  expect(decide({ exit: clean })).toHaveProperty("again.retries", 1);
});

test("a crash under never is final, under the others it is tried again", () => {
  expect(decide({ policy: { condition: "never" } })).toEqual({ giveUp: { state: "Failed", reason: "instance_crash" } });
  for (const condition of ["always", "on-failure"] as const) {
    expect(decide({ policy: { condition } })).toEqual({ again: { afterMs: 1000, retries: 1, reason: "instance_crash" } });
  }
});

test("an unready instance counts as a failure even when it stops with exit 0", () => {
  const failure = "probe_unready";
  expect(decide({ exit: clean, failure, policy: { condition: "on-failure" } })).toHaveProperty("again.reason", "probe_unready");
  expect(decide({ exit: clean, failure, policy: { condition: "never" } })).toEqual({
    giveUp: { state: "Failed", reason: "probe_unready" },
  });
});

test("the reason tells memory, a lost exit code and a failed start apart", () => {
  expect(decide({ exit: { code: 137, signal: "SIGKILL", reason: "oom_killed", at: 0 } })).toHaveProperty("again.reason", "oom_killed");
  expect(decide({ exit: { reason: "lost", at: 0 } })).toHaveProperty("again.reason", "lost");
  expect(decideRestart({ policy, retries: 0, readyForMs: 0, random: () => 0, failure: "start_failed" })).toHaveProperty(
    "again.reason",
    "start_failed",
  );
});

test("stopped by hand stays stopped", () => {
  expect(decide({ stopped: true })).toEqual({ giveUp: { state: "Stopped", reason: "stopped" } });
});

test("gives up after maxRetries; -1 never does; enough readiness starts the count again", () => {
  expect(decide({ retries: 5 })).toEqual({ giveUp: { state: "Failed", reason: "retries_exhausted" } });
  expect(decide({ policy: { maxRetries: 0 } })).toEqual({ giveUp: { state: "Failed", reason: "retries_exhausted" } });
  expect(decide({ retries: 1e6, policy: { maxRetries: -1 } })).toHaveProperty("again.retries", 1_000_001);
  expect(decide({ retries: 5, readyForMs: 60_000 })).toHaveProperty("again.retries", 1);
  expect(decide({ retries: 5, readyForMs: 59_999 })).toHaveProperty("giveUp.reason", "retries_exhausted");
});

test("the delay stays within [max(min, full/2), max(min, full)] and never decreases in expectation", () => {
  const backoff = fc.record({
    minMs: fc.integer({ min: 0, max: 10_000 }),
    maxMs: fc.integer({ min: 0, max: 100_000 }),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
  });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(backoff, fc.nat({ max: 2000 }), chance, (bounds, retries, random) => {
      const decision = decide({ retries, random: () => random, policy: { maxRetries: -1, backoff: bounds } });
      if (!("again" in decision)) throw new Error("gave up without a limit");
      const full = Math.max(bounds.minMs, Math.min(bounds.minMs && bounds.minMs * bounds.factor ** retries, bounds.maxMs));
      expect(decision.again.afterMs).toBeGreaterThanOrEqual(Math.max(bounds.minMs, full / 2));
      expect(decision.again.afterMs).toBeLessThanOrEqual(full);
    }),
  );
});
