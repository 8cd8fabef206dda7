import { expect, test } from "bun:test";
import fc from "fast-check";
import { POLICIES } from "../pools/pool.ts";
import { choosePool, chooseReplica, type Decision, explain } from "./decide.ts";
import { placed, pool, replica } from "./snapshot.fake.ts";
import type { PlacedTask, PoolSnapshot, ReplicaSnapshot } from "./snapshot.ts";

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const names: fc.Arbitrary<string> = fc.constantFrom("a", "b", "c", "d", "e", "f");

const replicas = fc.uniqueArray(
  fc
    .record({
      id: names,
      ready: fc.boolean(),
      draining: fc.boolean(),
      broken: fc.boolean(),
      slotsTotal: fc.nat(4),
      free: fc.nat(4),
      ctxMax: maybe(fc.nat(3)),
      vramTotalBytes: maybe(fc.nat(3)),
      models: maybe(fc.subarray(["m", "n"])),
    })
    .map(({ free, ...rest }): ReplicaSnapshot => ({ ...rest, slotsFree: Math.min(free, rest.slotsTotal) })),
  { selector: ({ id }) => id, maxLength: 6 },
);
const pools = fc.uniqueArray(
  fc.record({
    id: names,
    engine: fc.constantFrom("llamacpp" as const, "vllm" as const),
    models: fc.subarray(["m", "n"]),
    policy: fc.constantFrom(...POLICIES),
    draining: fc.boolean(),
    queueDepth: fc.nat(5),
    replicas,
  }),
  { selector: ({ id }) => id, maxLength: 5 },
);
const task = fc
  .record({
    model: fc.constantFrom("m", "n"),
    engine: maybe(fc.constantFrom("llamacpp" as const, "vllm" as const)),
    ctx: maybe(fc.nat(3)),
    vramBytes: fc.nat(3),
    determinism: fc.constantFrom("strict" as const, "best_effort" as const),
    affinity: maybe(fc.string()),
    mode: fc.constantFrom("auto" as const, "pin" as const, "prefer" as const),
    pinPoolId: names,
    preferPools: fc.array(names, { maxLength: 3 }),
    avoidPools: fc.array(names, { maxLength: 2 }),
    allowFallback: fc.boolean(),
  })
  .map(({ engine, ctx, affinity, mode, pinPoolId, preferPools, avoidPools, allowFallback, ...rest }) =>
    placed({
      ...rest,
      ...(engine && { engine }),
      ...(ctx !== undefined && { ctx }),
      ...(affinity !== undefined && { affinity }),
      placement: { mode, preferPools, avoidPools, allowFallback, ...(mode === "pin" && { pinPoolId }) },
    }),
  );
const hints = fc.record({ turn: fc.nat(), affine: maybe(fc.record({ pool: names, replica: names })), known: fc.boolean() });

/** Written again, as the document says it. */
function holds({ ctxMax, vramTotalBytes, ready, draining, models }: ReplicaSnapshot, { model, ctx, vramBytes }: PlacedTask): boolean {
  return (
    (models ?? [model]).includes(model) &&
    ready &&
    !draining &&
    (ctx ?? 0) <= (ctxMax ?? Infinity) &&
    vramBytes <= (vramTotalBytes ?? Infinity)
  );
}

function takes(pool: PoolSnapshot, task: PlacedTask): boolean {
  const { mode, pinPoolId, avoidPools, preferPools, allowFallback } = task.placement;
  const wished = mode === "pin" ? pinPoolId === pool.id : mode === "auto" || allowFallback || preferPools.includes(pool.id);
  const served = pool.models.includes(task.model) && (task.engine ?? pool.engine) === pool.engine;
  return served && wished && !avoidPools.includes(pool.id) && !pool.draining && pool.replicas.some((replica) => holds(replica, task));
}

test("a pool is chosen exactly when one is feasible, and then a feasible one", () => {
  const sound = fc.property(pools, task, hints, (pools, task, hints) => {
    const decision = choosePool(pools, task, hints);
    const able = pools.filter((pool) => takes(pool, task)).map(({ id }) => id);
    if (decision.kind === "placed") expect(able).toContain(decision.pool);
    else expect([decision.kind, able]).toEqual(["refused", []]);
    const preferred = task.placement.mode === "prefer" ? task.placement.preferPools.find((id) => able.includes(id)) : undefined;
    if (preferred !== undefined) expect(decision).toMatchObject({ pool: preferred });
  });
  fc.assert(sound, { numRuns: 2000 });
});

test("a replica is chosen exactly when one has a slot and a closed circuit", () => {
  const sound = fc.property(pools, task, hints, fc.subarray<string>(["a", "b", "c"]), (pools, task, hints, tried) => {
    for (const pool of pools.filter(({ models }) => models.includes(task.model))) {
      const decision = chooseReplica(pool, task, { ...hints, avoid: new Set(tried) });
      const able = pool.replicas.filter((one) => holds(one, task) && !one.broken && one.slotsFree > 0).map(({ id }) => id);
      if (decision.kind === "placed") expect(able).toContain(decision.replica as string);
      else expect(able).toEqual([]);
      if (decision.kind === "placed" && able.some((id) => !tried.includes(id))) expect(tried).not.toContain(decision.replica as string);
    }
  });
  fc.assert(sound, { numRuns: 2000 });
});

test("neither the order of the lists nor asking again changes a decision", () => {
  const mixed = fc.property(pools, task, hints, fc.infiniteStream(fc.nat()), (pools, task, hints, chance) => {
    const shuffled = shuffle(pools, chance).map((pool) => ({ ...pool, replicas: shuffle(pool.replicas, chance) }));
    const [first, second] = [choosePool(pools, task, hints), choosePool(shuffled, task, hints)];
    expect(second).toEqual(first);
    expect(choosePool(pools, task, hints)).toEqual(first);
    for (const [at, one] of pools.entries()) {
      const twin = shuffled.find(({ id }) => id === one.id) ?? pools[at];
      if (twin) expect(chooseReplica(twin, task, hints)).toEqual(chooseReplica(one, task, hints));
    }
  });
  fc.assert(mixed, { numRuns: 1000 });
});

test("an explanation agrees with the decisions and leaves nobody out", () => {
  const agrees = fc.property(pools, task, hints, (pools, task, hints) => {
    const explained = explain(pools, task, hints);
    const decision = choosePool(pools, task, hints);
    expect(explained.pool).toBe(poolOf(decision));
    const ofPools = explained.candidates.filter(({ replica }) => replica === undefined);
    expect(ofPools[0]?.pool ?? null).toBe(poolOf(decision));
    const chosen = pools.find(({ id }) => id === poolOf(decision));
    const next = chosen && chooseReplica(chosen, task, hints);
    expect(explained.replica).toBe(next?.kind === "placed" ? (next.replica ?? null) : null);
    expect(explained.candidates.find(({ replica }) => replica !== undefined)?.replica ?? null).toBe(explained.replica);
    expect(explained.candidates.length + explained.filtered.length).toBe(pools.length + (chosen?.replicas.length ?? 0));
  });
  fc.assert(agrees, { numRuns: 1000 });
});

const many = Array.from({ length: 20 }, (_, n) => replica(`r${n}`));
const sessions = Array.from({ length: 400 }, (_, n) => placed({ affinity: `session:${n}` }));
const went = (all: readonly ReplicaSnapshot[], task: PlacedTask) =>
  chooseReplica(pool("p", { policy: "prefix", replicas: all }), task, { turn: 0 });

test("prefix: who leaves takes only its own sessions along, and all of them are spread", () => {
  const before = sessions.map((task) => replicaOf(went(many, task)));
  const fewer = many.filter(({ id }) => id !== "r7");
  const after = sessions.map((task) => replicaOf(went(fewer, task)));
  for (const [at, was] of before.entries()) if (was !== "r7") expect(after[at]).toBe(was);
  const counts = [...Map.groupBy(before, (id) => id).values()].map(({ length }) => length);
  expect(counts).toHaveLength(20);
  expect(Math.max(...counts)).toBeLessThan(45);
});

test("prefix: one hot prefix never loads a replica above the cap, and comes back while it may", () => {
  const hot = placed({ affinity: "hot" });
  const load = new Map(many.map(({ id }) => [id, 0]));
  for (let sent = 0; sent < 70; sent++) {
    const all = many.map(({ id }) => replica(id, { slotsFree: 4 - (load.get(id) ?? 0) }));
    const id = replicaOf(went(all, hot));
    const now = (load.get(id) ?? 0) + 1;
    expect(now).toBeLessThanOrEqual(Math.ceil((1.25 * (sent + 1)) / 20));
    load.set(id, now);
  }
  const affine = { pool: "p", replica: "r3" };
  expect(chooseReplica(pool("p", { policy: "prefix", replicas: many }), hot, { turn: 0, affine })).toMatchObject({ replica: "r3" });
  const full = many.map((one) => (one.id === "r3" ? replica("r3", { slotsFree: 2 }) : one));
  expect(chooseReplica(pool("p", { policy: "prefix", replicas: full }), hot, { turn: 0, affine })).not.toMatchObject({ replica: "r3" });
});

test("round-robin: each of those that can once, before any again", () => {
  const fair = fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(1000), (count, turn) => {
    const able = Array.from({ length: count }, (_, n) => replica(`r${n}`));
    const all = pool("p", { policy: "round-robin", replicas: [replica("r1x", { slotsFree: 0 }), ...able] });
    const taken = able.map((_, n) => replicaOf(chooseReplica(all, placed(), { turn: turn + n })));
    expect(new Set(taken).size).toBe(count);
  });
  fc.assert(fair);
});

function poolOf(decision: Decision): string | null {
  return decision.kind === "placed" ? decision.pool : null;
}

function replicaOf(decision: Decision): string {
  return decision.kind === "placed" ? (decision.replica ?? "") : "";
}

function shuffle<T>(list: readonly T[], chance: fc.Stream<number>): T[] {
  const rest = [...list];
  return list.map(() => rest.splice((chance.next().value ?? 0) % rest.length, 1)[0] as T);
}
