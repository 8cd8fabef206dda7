import { expect, test } from "bun:test";
import fc from "fast-check";
import { decideRollout, type RolloutLimits, type RolloutSlot } from "./rollout.ts";

const slot = (over: Partial<RolloutSlot> & { id: string }): RolloutSlot => ({
  replica: 0,
  version: "old",
  ready: true,
  observed: true,
  admitted: true,
  stopping: false,
  ...over,
});

test("surge 1, unavailable 0: the new one first, the old one when the new one was observed", () => {
  const limits: RolloutLimits = { replicas: 1, maxUnavailable: 0, maxSurge: 1, abortAfterFailures: 1 };
  const old = slot({ id: "o" });
  expect(decideRollout([old], limits)).toMatchObject({ do: "start", replica: 0 });
  const fresh = slot({ id: "n", version: "new", ready: true, observed: false });
  expect(decideRollout([old, fresh], limits)).toMatchObject({ do: "wait" });
  expect(decideRollout([old, { ...fresh, observed: true }], limits)).toMatchObject({ do: "stop", id: "o" });
  expect(decideRollout([{ ...fresh, observed: true }], limits)).toMatchObject({ do: "done" });
});

test("recreate: nothing new before the last old one is gone, also when the service grows", () => {
  const limits: RolloutLimits = { replicas: 4, maxUnavailable: 4, maxSurge: 0, abortAfterFailures: 1, oldGoFirst: true };
  const [first, second] = [slot({ id: "o" }), slot({ id: "p", replica: 1 })];
  expect(decideRollout([first, second], limits)).toMatchObject({ do: "stop", id: "o" });
  expect(decideRollout([{ ...first, stopping: true }, second], limits)).toMatchObject({ do: "stop", id: "p" });
  expect(decideRollout([{ ...second, stopping: true }], limits)).toMatchObject({ do: "wait" });
  expect(decideRollout([], limits)).toMatchObject({ do: "start", replica: 0 });
});

test("a failed instance aborts with its reason", () => {
  const limits: RolloutLimits = { replicas: 2, maxUnavailable: 0, maxSurge: 1, abortAfterFailures: 1 };
  const slots = [
    slot({ id: "o" }),
    slot({ id: "p", replica: 1 }),
    slot({ id: "n", version: "new", ready: false, observed: false, failure: "api/0 probe_unready: refused" }),
  ];
  expect(decideRollout(slots, limits)).toEqual({ do: "abort", why: "api/0 probe_unready: refused" });
});

const limitsOf = fc
  .record({
    replicas: fc.integer({ min: 1, max: 6 }),
    maxUnavailable: fc.integer({ min: 0, max: 6 }),
    maxSurge: fc.integer({ min: 0, max: 4 }),
  })
  .filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0)
  .map((limits): RolloutLimits => ({ ...limits, abortAfterFailures: 1000 }));

test("model: whatever the order of readiness and stops, the bounds hold and the update ends", () => {
  fc.assert(
    fc.property(limitsOf, fc.array(fc.nat(), { minLength: 400, maxLength: 400 }), (limits, choices) => {
      let slots = Array.from({ length: limits.replicas }, (_, replica) => slot({ id: `o${replica}`, replica }));
      let made = 0;
      for (const choice of choices) {
        const step = decideRollout(slots, limits);
        if (step.do === "start")
          slots = [...slots, slot({ id: `n${made++}`, replica: step.replica, version: "new", ready: false, observed: false })];
        if (step.do === "stop") slots = slots.map((one) => (one.id === step.id ? { ...one, stopping: true } : one));
        const serving = slots.filter((one) => one.ready && !one.stopping).length;
        expect(slots.length).toBeLessThanOrEqual(limits.replicas + limits.maxSurge);
        expect(serving).toBeGreaterThanOrEqual(limits.replicas - limits.maxUnavailable);
        if (step.do === "done") {
          expect(slots.map((one) => one.version)).toEqual(Array.from({ length: limits.replicas }, () => "new"));
          return;
        }
        if (step.do === "wait") slots = settleOne(slots, choice);
      }
      throw new Error("the update did not end");
    }),
  );
});

/** Something happens in the world: an instance gets ready, is observed long enough, or is gone. */
function settleOne(slots: readonly RolloutSlot[], choice: number): RolloutSlot[] {
  const open = slots.filter((one) => one.stopping || !one.observed);
  const chosen = open[choice % open.length];
  if (!chosen) throw new Error("waits although nothing is under way");
  if (chosen.stopping) return slots.filter((one) => one !== chosen);
  return slots.map((one) => (one === chosen ? { ...one, ready: true, observed: one.ready } : one));
}
