import { expect, test } from "bun:test";
import fc from "fast-check";
import { decideUpdate, firstPhase, type UpdatePolicy, type UpdateProgress } from "./decide-update.ts";
import type { RolloutSlot, RolloutStep, UpdatePhase } from "./rollout.ts";

const STRATEGIES = ["rolling", "canary", "blueGreen", "recreate"] as const;
/** More than any update of the model needs. */
const MAX_STEPS = 2000;

interface World {
  slots: readonly RolloutSlot[];
  phase: UpdatePhase;
  phaseForMs: number;
  decision: UpdateProgress["decision"];
  made: number;
}

interface Case {
  readonly policy: UpdatePolicy;
  /** What happens when the update waits, by chance. */
  readonly chances: readonly number[];
  /** One in so many new instances fails; 0: none. */
  readonly failing: number;
}

const policies = fc
  .record({
    strategy: fc.constantFrom(...STRATEGIES),
    replicas: fc.integer({ min: 1, max: 5 }),
    maxUnavailable: fc.integer({ min: 0, max: 5 }),
    maxSurge: fc.integer({ min: 0, max: 4 }),
    promoteAfterMs: fc.constantFrom(undefined, 100),
  })
  .filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0)
  .map(({ promoteAfterMs, ...bounds }): UpdatePolicy => {
    const recreate = bounds.strategy === "recreate" && { maxUnavailable: bounds.replicas, maxSurge: 0, oldGoFirst: true };
    return { ...bounds, ...recreate, abortAfterFailures: 1, drainTimeoutMs: 100, ...(promoteAfterMs !== undefined && { promoteAfterMs }) };
  });

const cases = fc.record({
  policy: policies,
  chances: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
  failing: fc.constantFrom(0, 0, 2, 3),
});

function slot(over: Partial<RolloutSlot> & { id: string; replica: number }): RolloutSlot {
  return { version: "old", ready: true, observed: true, admitted: true, stopping: false, ...over };
}

test("model: whatever becomes ready, fails, is promoted or aborted when, the bounds hold at every step and the update ends whole", () => {
  fc.assert(
    fc.property(cases, (given) => void play(given)),
    { numRuns: 1000 },
  );
});

function play({ policy, chances, failing }: Case): void {
  const { replicas, strategy } = policy;
  const world: World = {
    slots: Array.from({ length: replicas }, (_, replica) => slot({ id: `o${replica}`, replica })),
    phase: firstPhase(strategy),
    phaseForMs: 0,
    decision: undefined,
    made: 0,
  };
  for (let turn = 0; turn < MAX_STEPS; turn++) {
    const step = decideUpdate(world.slots, policy, world);
    const chance = chances[turn % chances.length] ?? 0;
    if (step.do === "done") return expectWhole(world, policy);
    carryOut(world, step, policy);
    if (step.do === "wait") happen(world, { chance, failing, step });
    expectBounds(world, policy);
  }
  throw new Error("the update did not end");
}

function carryOut(world: World, step: RolloutStep, policy: UpdatePolicy): void {
  const each = (change: (one: RolloutSlot) => Partial<RolloutSlot>): void => {
    world.slots = world.slots.map((one) => ({ ...one, ...change(one) }));
  };
  if (step.do === "start") {
    const fresh = slot({ id: `n${world.made++}`, replica: step.replica, version: "new", ready: false, observed: false });
    world.slots = [...world.slots, { ...fresh, admitted: step.held !== true }];
  }
  if (step.do === "stop") each(({ id, stopping }) => ({ stopping: stopping || id === step.id }));
  if (step.do === "admit") each(({ id, admitted }) => ({ admitted: admitted || step.ids.includes(id) }));
  if (step.do === "switch") each(({ version }) => ({ admitted: version === "new" }));
  if (step.do === "phase") Object.assign(world, { phase: step.phase, phaseForMs: 0 });
  if (step.do !== "abort") return;
  expect(world.phase).not.toBe("rolling back");
  expect(policy.strategy === "blueGreen" && world.phase === "finishing").toBe(false);
  world.phase = "rolling back";
  world.slots = world.slots.map(({ failure: _failure, ...rest }) => ({ ...rest, version: rest.version === "new" ? "old" : "new" }));
}

/** Time passes, or a person decides, or an instance gets ready, is observed, fails or is gone. */
function happen(world: World, { chance, failing, step }: { chance: number; failing: number; step: RolloutStep & { do: "wait" } }): void {
  const back = world.phase === "rolling back";
  if (chance % 11 === 0) world.decision ??= "abort";
  if (chance % 7 === 0 && world.phase === "canary") world.decision ??= "promote";
  const open = world.slots.filter((one) => one.stopping || (one.version === "new" && !one.observed && one.failure === undefined));
  const chosen = open[chance % Math.max(1, open.length)];
  if (!chosen) {
    world.phaseForMs += 60;
    if (step.forMs === undefined && world.phase === "canary") world.decision ??= chance % 2 === 0 ? "promote" : "abort";
    return;
  }
  const fails = !back && failing > 0 && !chosen.ready && chosen.version === "new" && chance % failing === 0;
  world.slots = chosen.stopping
    ? world.slots.filter((one) => one !== chosen)
    : world.slots.map((one) =>
        one === chosen ? { ...one, ...(fails ? { failure: "failed" } : { ready: true, observed: one.ready }) } : one,
      );
}

function expectBounds({ slots, phase }: World, { strategy, replicas, maxSurge, maxUnavailable }: UpdatePolicy): void {
  const most = strategy === "blueGreen" ? 2 * replicas : replicas + maxSurge;
  expect(slots.length).toBeLessThanOrEqual(most);
  const ready = slots.filter((one) => one.ready && !one.stopping);
  expect(ready.length).toBeGreaterThanOrEqual(replicas - maxUnavailable);
  // Of those that are ready, so many get requests: nobody is left without an answer by the update itself.
  if (maxUnavailable < replicas) expect(ready.filter(({ admitted }) => admitted).length).toBeGreaterThan(0);
  const serving = new Set(slots.filter(({ admitted, stopping }) => admitted && !stopping).map(({ version }) => version));
  if (strategy === "blueGreen" && phase !== "rolling back") expect(serving.size).toBeLessThanOrEqual(1);
}

function expectWhole({ slots }: World, { replicas }: UpdatePolicy): void {
  expect(slots.map(({ version }) => version)).toEqual(Array.from({ length: replicas }, () => "new"));
  expect(slots.map(({ replica }) => replica).toSorted((a, b) => a - b)).toEqual(Array.from({ length: replicas }, (_, replica) => replica));
  expect(slots.every(({ admitted }) => admitted)).toBe(true);
}

const canary: UpdatePolicy = {
  strategy: "canary",
  replicas: 3,
  maxUnavailable: 0,
  maxSurge: 1,
  abortAfterFailures: 1,
  drainTimeoutMs: 100,
};
const three = [0, 1, 2].map((replica) => slot({ id: `o${replica}`, replica }));
const fresh = slot({ id: "n", replica: 0, version: "new" });
const at = (phase: UpdatePhase, more: Partial<UpdateProgress> = {}): UpdateProgress => ({ phase, phaseForMs: 0, ...more });

test("canary: one beside the old ones, then it waits; promoted, the rest rolls; failed after it was ready, it aborts", () => {
  expect(decideUpdate(three, canary, at("starting"))).toMatchObject({ do: "start", replica: 0 });
  expect(decideUpdate([...three, { ...fresh, observed: false }], canary, at("starting"))).toMatchObject({ do: "wait" });
  expect(decideUpdate([...three, fresh], canary, at("starting"))).toMatchObject({ do: "phase", phase: "canary" });
  expect(decideUpdate([...three, fresh], canary, at("canary"))).toMatchObject({ do: "wait" });
  expect(decideUpdate([...three, fresh], canary, at("canary", { decision: "promote" }))).toMatchObject({ do: "phase", phase: "promoting" });
  expect(decideUpdate([...three, fresh], canary, at("promoting"))).toMatchObject({ do: "stop", id: "o0" });
  expect(decideUpdate([...three, { ...fresh, failure: "gone" }], canary, at("canary"))).toEqual({ do: "abort", why: "gone" });
});

test("canary with maxSurge 0 takes the place of one; promoteAfter counts from the canary's readiness", () => {
  const tight = { ...canary, maxSurge: 0, maxUnavailable: 1, promoteAfterMs: 500 };
  expect(decideUpdate(three, tight, at("starting"))).toMatchObject({ do: "stop", id: "o0" });
  expect(decideUpdate(three.slice(1), tight, at("starting"))).toMatchObject({ do: "start", replica: 0 });
  const both = [...three.slice(1), fresh];
  expect(decideUpdate(both, tight, at("canary", { phaseForMs: 200 }))).toMatchObject({ do: "wait", forMs: 300 });
  expect(decideUpdate(both, tight, at("canary", { phaseForMs: 500 }))).toMatchObject({ do: "phase", phase: "promoting" });
});

test("blue/green: the whole second set, held; one switch; kept; stopped; aborted while it is kept, the former set is back in one step", () => {
  const policy = { ...canary, strategy: "blueGreen" as const, maxSurge: 0 };
  const green = three.map((one) => ({ ...one, id: `n${one.replica}`, version: "new" as const, admitted: false }));
  const kept = [...three.map((one) => ({ ...one, admitted: false })), ...green.map((one) => ({ ...one, admitted: true }))];
  expect(decideUpdate([...three, ...green.slice(1)], policy, at("starting"))).toMatchObject({ do: "start", replica: 0, held: true });
  expect(decideUpdate([...three, ...green], policy, at("starting"))).toMatchObject({ do: "switch" });
  expect(decideUpdate(kept, policy, at("starting"))).toMatchObject({ do: "phase", phase: "switched" });
  expect(decideUpdate(kept, policy, at("switched", { phaseForMs: 40 }))).toMatchObject({ do: "wait", forMs: 60 });
  expect(decideUpdate(kept, policy, at("switched", { decision: "abort" }))).toMatchObject({ do: "abort" });
  expect(decideUpdate(kept, policy, at("switched", { phaseForMs: 100 }))).toMatchObject({ do: "phase", phase: "finishing" });
  expect(decideUpdate(kept, policy, at("finishing", { decision: "abort" }))).toMatchObject({ do: "stop" });
  const back = kept.map((one) => ({ ...one, version: one.version === "new" ? ("old" as const) : ("new" as const) }));
  expect(decideUpdate(back, policy, at("rolling back"))).toMatchObject({ do: "switch" });
});
