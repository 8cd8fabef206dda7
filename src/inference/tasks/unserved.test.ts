import { expect, test } from "bun:test";
import type { PoolFacts, ReplicaFacts } from "../pools/pool.ts";
import { poolOf, type Rig, rigOfEach } from "./desk.fake.ts";

const LIMIT_MS = 120_000;
/** Between two looks. */
const LOOK_MS = 250;

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

/** `r1` serves `m` alone, `r2` serves `n`. */
function twoModels(r1: Partial<ReplicaFacts> = {}): PoolFacts {
  const pool = poolOf("a", { r1: 1, r2: 1 }, { models: ["m", "n"] });
  return { ...pool, replicas: pool.replicas.map((one, at) => (at === 0 ? { ...one, models: ["m"], ...r1 } : { ...one, models: ["n"] })) };
}

const codes = (...ids: string[]) => ids.map((id) => rig.desk.get(id).error?.code ?? rig.desk.get(id).state);

test.each([{ ready: false }, { draining: true }])(
  "what waits, also to be tried again, for the one replica of its model ends when that is %j for long; the others' replica is no help",
  async (away) => {
    rig.pool(twoModels());
    await rig.desk.accept(rig.request());
    await rig.desk.accept(rig.request());
    await rig.desk.accept(rig.request({ model: "n" }));
    await rig.desk.accept(rig.request({ model: "n" }));
    rig.pool(twoModels(away));
    rig.stream("t1").fault("connect");
    for (let n = 0; n < 6; n++) {
      await rig.clock.advance(LIMIT_MS / 6 - 1);
      rig.stream("t3").sink.token("x");
    }
    expect(codes("t1", "t2", "t3", "t4")).toEqual(["running", "queued", "running", "queued"]);
    await rig.clock.advance(6 + 5000);
    expect(codes("t1", "t2", "t3", "t4")).toEqual(["POOL_UNREADY", "POOL_UNREADY", "running", "queued"]);
    expect(rig.desk.get("t2").error?.retriable).toBe(true);
  },
);

test("each time that somebody is there counts, however short", async () => {
  rig.pool(twoModels({ slotsForeign: 1 }));
  await rig.desk.accept(rig.request());
  rig.pool(twoModels({ draining: true }));
  await rig.clock.advance(LIMIT_MS - 100);
  rig.pool(twoModels({ slotsForeign: 1 }));
  rig.pool(twoModels({ draining: true }));
  await rig.clock.advance(LIMIT_MS - 100);
  expect(codes("t1")).toEqual(["queued"]);
  await rig.clock.advance(100 + LOOK_MS);
  expect(codes("t1")).toEqual(["POOL_UNREADY"]);
});

test("a replica that is too small is not there; one that is merely busy is, and a pool that drains still works its queue off", async () => {
  const pool = (large: Partial<ReplicaFacts>, more: Partial<PoolFacts> = {}): PoolFacts => {
    const both = poolOf("a", { r1: 1, r2: 1 }, more);
    return {
      ...both,
      replicas: both.replicas.map((one, at) => (at === 0 ? { ...one, ctxMax: 8192, ...large } : { ...one, ctxMax: 2048 })),
    };
  };
  rig.pool(pool({ slotsForeign: 1 }));
  await rig.desk.accept(rig.request({ ctx: 4096 }));
  rig.pool(pool({ slotsForeign: 1 }, { draining: true }));
  await rig.clock.advance(10 * LIMIT_MS);
  expect(codes("t1")).toEqual(["queued"]);
  rig.pool(pool({ slotsForeign: 1, ready: false }));
  await rig.clock.advance(LIMIT_MS + LOOK_MS);
  expect(codes("t1")).toEqual(["POOL_UNREADY"]);
});
