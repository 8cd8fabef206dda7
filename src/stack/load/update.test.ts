import { expect, test } from "bun:test";
import fc from "fast-check";
import { decideUpdate } from "../decide-update.ts";
import type { RolloutSlot } from "../rollout.ts";
import type { UpdateSpec } from "../spec.ts";
import { loadStack } from "./load.ts";

type Amount = number | `${number}%`;

const amount: fc.Arbitrary<Amount> = fc.oneof(
  fc.nat(8),
  fc.integer({ min: 0, max: 200 }).map((percent): Amount => `${percent}%`),
);
const replicas = fc.integer({ min: 1, max: 12 });

interface Case {
  readonly replicas: number;
  readonly maxSurge: Amount;
  readonly maxUnavailable: Amount;
}

function load({ replicas: count, maxSurge, maxUnavailable }: Case) {
  const update = JSON.stringify({ strategy: "rolling", maxSurge, maxUnavailable });
  const source = `version: 0.1\nstack: { name: s }\nservices:\n  web: { command: [web], replicas: ${count}, update: ${update} }\n`;
  return loadStack({ source, workdir: "/", env: {}, readFile: () => undefined });
}

/** What stack.md says of percentages, without floating point. */
function counted(given: Amount, of: number, up: boolean): number {
  if (typeof given === "number") return given;
  const product = Number(given.slice(0, -1)) * of;
  return (product - (product % 100)) / 100 + (up && product % 100 > 0 ? 1 : 0);
}

test("amounts: whole numbers as they are, shares of the replicas rounded up for surge and down for unavailable; both 0 is an error", () => {
  fc.assert(
    fc.property(fc.record({ replicas, maxSurge: amount, maxUnavailable: amount }), (given) => {
      const expected = {
        maxSurge: counted(given.maxSurge, given.replicas, true),
        maxUnavailable: counted(given.maxUnavailable, given.replicas, false),
      };
      const { spec, diagnostics } = load(given);
      if (expected.maxSurge === 0 && expected.maxUnavailable === 0) {
        expect(spec).toBeUndefined();
        expect(diagnostics[0]?.message).toContain("maxUnavailable and maxSurge are both 0");
      } else expect(spec?.services["web"]?.update).toMatchObject(expected);
    }),
  );
});

test("model: with any amounts a rolling update ends, never below replicas − maxUnavailable, never above replicas + maxSurge", () => {
  const run = fc.record({
    given: fc.record({ replicas, maxSurge: amount, maxUnavailable: amount }),
    seed: fc.infiniteStream(fc.nat(1000)),
  });
  fc.assert(
    fc.property(run, ({ given, seed }) => {
      const update = load(given).spec?.services["web"]?.update;
      if (update) roll(given.replicas, update, () => seed.next().value ?? 0);
    }),
  );
});

/** Rolls from old to new; what happens beside the decisions (readiness, the end of a stop) comes in any order. */
function roll(count: number, update: UpdateSpec, random: () => number): void {
  const limits = { ...update, replicas: count };
  let slots: RolloutSlot[] = Array.from({ length: count }, (_, replica) => slot(`old${replica}`, replica, { version: "old", ready: true }));
  for (let steps = 0; steps < 40 * count; steps++) {
    const step = decideUpdate(slots, limits, { phase: "updating", phaseForMs: 0 });
    if (step.do === "done") return expect(slots.map(({ version, replica }) => `${version}${replica}`).toSorted()).toEqual(allNew(count));
    if (step.do === "start") slots.push(slot(`new${steps}`, step.replica, { version: "new", ready: false }));
    else if (step.do === "admit") slots = slots.map((one) => (step.ids.includes(one.id) ? { ...one, admitted: true } : one));
    else if (step.do === "stop") slots = slots.map((one) => (one.id === step.id ? { ...one, stopping: true, ready: false } : one));
    else if (step.do === "wait") slots = happen(slots, random);
    else throw new Error(`unexpected ${step.do}: ${step.why}`);
    expect(slots.filter(({ ready }) => ready).length).toBeGreaterThanOrEqual(count - update.maxUnavailable);
    expect(slots.length).toBeLessThanOrEqual(count + update.maxSurge);
  }
  throw new Error("it did not end");
}

function happen(slots: readonly RolloutSlot[], random: () => number): RolloutSlot[] {
  const pending = slots.filter(({ stopping, observed }) => stopping || !observed);
  const chosen = pending[random() % Math.max(1, pending.length)];
  if (!chosen) throw new Error("it waits for nothing");
  if (chosen.stopping) return slots.filter((one) => one !== chosen);
  return slots.map((one) => (one === chosen ? { ...one, ready: true, observed: true } : one));
}

function slot(id: string, replica: number, { version, ready }: Pick<RolloutSlot, "version" | "ready">): RolloutSlot {
  return { id, replica, version, ready, observed: ready, admitted: version === "old", stopping: false };
}

function allNew(count: number): string[] {
  return Array.from({ length: count }, (_, replica) => `new${replica}`).toSorted();
}
