import { expect, test } from "bun:test";
import { poolOf, Reader, type Rig, rigOfEach } from "./desk.fake.ts";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

/** `large` alone holds 8192 tokens. */
function twoSizes(ready: { large: boolean }) {
  const pool = poolOf("a", { large: 1, small: 1 });
  const [large, small] = pool.replicas;
  if (!large || !small) throw new Error("two replicas were made");
  return {
    ...pool,
    replicas: [
      { ...large, ready: ready.large, ctxMax: 8192 },
      { ...small, ctxMax: 2048 },
    ],
  };
}

test("a task whose only replica is away does not keep the others from theirs, and goes first once it is back", async () => {
  rig.pool(twoSizes({ large: true }));
  await rig.desk.accept(rig.request({ ctx: 4096 }));
  await rig.desk.accept(rig.request({ ctx: 4096 }));
  await rig.desk.accept(rig.request());
  expect(rig.stream("t1").url).toBe("http://large");
  expect(rig.desk.get("t2").state).toBe("queued");
  expect(rig.stream("t3").url).toBe("http://small");
  await rig.desk.accept(rig.request());
  rig.stream("t1").finish();
  await rig.clock.advance(0);
  expect(rig.stream("t2").url).toBe("http://large");
  expect(rig.desk.get("t4").state).toBe("queued");
});

test("a task that waits to be tried again where nothing is ready keeps nobody else waiting", async () => {
  rig.pool(twoSizes({ large: true }));
  await rig.desk.accept(rig.request({ ctx: 4096 }));
  rig.stream("t1").fault("connect");
  await rig.clock.advance(0);
  rig.pool(twoSizes({ large: false }));
  await rig.clock.advance(3000);
  await rig.desk.accept(rig.request());
  expect(rig.stream("t2").url).toBe("http://small");
  rig.pool(twoSizes({ large: true }));
  await rig.clock.advance(1000);
  expect(rig.engine.streams.filter(({ request }) => request.taskId === "t1")).toHaveLength(2);
});

test("a task that no replica can take any more when it is to be tried again ends, and others go on", async () => {
  rig.pool(twoSizes({ large: true }));
  await rig.desk.accept(rig.request({ ctx: 4096 }));
  const reader = new Reader(rig.desk.channel("t1"));
  rig.stream("t1").fault("connect");
  await rig.clock.advance(0);
  const both = twoSizes({ large: true });
  rig.pool({ ...both, replicas: both.replicas.slice(1) });
  await rig.clock.advance(3000);
  await rig.desk.cancel("t1");
  expect(reader.events.at(-1)).toEqual(["error", expect.objectContaining({ code: "INVALID_PARAMS" })]);
});

test.each(["removed", "without the model"])("who waits to be tried again in a pool that is %s has an end", async (what) => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  // It has the free slot when the pause of the first is over.
  await rig.desk.accept(rig.request());
  const reader = new Reader(rig.desk.channel("t1"));
  rig.stream("t1").fault("connect");
  await rig.clock.advance(3000);
  expect(rig.stream("t3").ended).toBe(false);
  expect(rig.desk.get("t1").state).toBe("running");
  if (what === "removed") rig.drop("a");
  else rig.pool(poolOf("a", { r1: 1, r2: 1 }, { models: ["other"] }));
  // Told once it is on disk.
  await rig.desk.cancel("t1");
  expect(reader.events.at(-1)).toEqual(["error", expect.objectContaining({ code: "POOL_UNAVAILABLE", retriable: true })]);
});

test("a pool that was removed and is back does not forget what still runs on its engines", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  rig.drop("a");
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  expect(rig.desk.get("t2").state).toBe("queued");
  rig.stream("t1").finish();
  await rig.clock.advance(0);
  expect(rig.desk.get("t2").state).toBe("running");
});

test("a replica that left its pool and is back has not forgotten what still runs on it, also where the pool was removed meanwhile", async () => {
  for (const [at, between] of [
    () => rig.pool(poolOf("a", { r1: 2, r2: 1 })),
    () => rig.pool(poolOf("a", { r2: 1 })),
    () => rig.drop("a"),
  ].entries()) {
    rig.pool(poolOf("a", { r1: 1, r2: 1 }));
    const ids = [0, 1, 2].map((n) => `${at}-${n}`);
    for (const taskId of ids.slice(0, 2)) await rig.desk.accept(rig.request({ taskId }));
    rig.pool(poolOf("a", { r2: 1 }));
    between();
    rig.pool(poolOf("a", { r1: 1, r2: 1 }));
    expect([...rig.desk.work.load("a").inFlight]).toEqual([
      ["r1", 1],
      ["r2", 1],
    ]);
    await rig.desk.accept(rig.request({ taskId: ids[2] ?? "" }));
    expect(rig.desk.get(ids[2] ?? "").state).toBe("queued");
    for (const id of ids) await rig.desk.cancel(id);
    expect([...rig.desk.work.load("a").inFlight.values()]).toEqual([0, 0]);
  }
});
