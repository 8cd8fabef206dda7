import { expect, test } from "bun:test";
import { poolOf, Reader, Rig, rigOfEach } from "./desk.fake.ts";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

async function code(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "no error",
    (error: { code: string }) => error.code,
  );
}

test("a task begins at once where a slot is free, and its stream tells of it in order", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  const accepted = await rig.desk.accept(rig.request());
  expect(accepted).toMatchObject({ task_id: "t1", job_id: "t1", queue_position: 0, predicted_start_ms: 0, backoff_ms: 0 });
  expect(rig.desk.get("t1")).toMatchObject({ state: "running", pool_id: "a", replica_id: "r1" });
  const reader = new Reader(rig.desk.channel("t1"));
  const { sink } = rig.engine.last;
  sink.opened();
  sink.token("Hel");
  sink.token("lo");
  rig.engine.last.finish();
  await rig.clock.advance(0);
  await rig.desk.cancel("t1");
  expect(reader.names).toBe("started token token metrics end");
  expect(reader.events[1]).toEqual(["token", { t: "Hel", i: 0 }]);
  expect(reader.events.at(-1)?.[1]).toMatchObject({ tokens_out: 2, finish_reason: "stop" });
  expect(rig.desk.get("t1")).toMatchObject({ state: "completed", tokens_out: 2, finish_reason: "stop" });
});

test("a minute after its end the stream of a task is forgotten, which is said; its state is not", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  rig.engine.last.finish();
  await rig.clock.advance(0);
  await rig.desk.cancel("t1");
  await rig.clock.advance(59_999);
  expect(new Reader(rig.desk.channel("t1")).names).toContain("end");
  await rig.clock.advance(1);
  expect(() => rig.desk.channel("t1")).toThrow(
    "the task t1 has ended, and what it said is kept for 60 seconds only; GET /v2/tasks/t1 tells",
  );
  expect(() => rig.desk.channel("t2")).toThrow("there is no task t2");
  expect(rig.desk.get("t1").state).toBe("completed");
});

test("what does not fit waits, in order, and leaves the queue when it is canceled", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  for (let n = 0; n < 3; n++) await rig.desk.accept(rig.request());
  expect(rig.desk.get("t3")).toMatchObject({ state: "queued", queue_position: 1 });
  await rig.desk.cancel("t2");
  expect(rig.desk.get("t3")).toMatchObject({ state: "queued", queue_position: 0 });
  expect(new Reader(rig.desk.channel("t2")).events).toEqual([["error", expect.objectContaining({ code: "CANCELED", retriable: false })]]);
  rig.stream("t1").finish();
  await rig.clock.advance(0);
  expect(rig.desk.get("t3").state).toBe("running");
});

test("no token follows a cancel, and its slot is free in the same turn", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  const reader = new Reader(rig.desk.channel("t1"));
  const first = rig.stream("t1");
  first.sink.token("a");
  const canceled = rig.desk.cancel("t1");
  expect(first.canceled).toBe(true);
  first.sink.token("b");
  await canceled;
  first.sink.token("c");
  expect(reader.names).toBe("started token error");
  expect(rig.desk.get("t2").state).toBe("running");
});

test("it is tried again, elsewhere, before its first token and never after", async () => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  await rig.desk.accept(rig.request());
  expect(rig.engine.last.url).toBe("http://r1");
  rig.engine.last.fault("connect");
  await rig.clock.advance(1000);
  expect(rig.engine.last.url).toBe("http://r2");
  const reader = new Reader(rig.desk.channel("t1"));
  rig.engine.last.sink.token("x");
  rig.engine.last.fault("reset");
  await rig.clock.advance(1000);
  await rig.desk.cancel("t1");
  expect(reader.names).toBe("started token error");
  expect(reader.events.at(-1)?.[1]).toMatchObject({ code: "WORKER_RESET", retriable: true, engine: "mock" });
  expect(rig.engine.streams).toHaveLength(2);
});

test("after four tries the replicas are exhausted; what the engine refuses is tried once", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  for (let n = 0; n < 4; n++) {
    rig.engine.last.fault("http", { status: 500 });
    await rig.clock.advance(5000);
  }
  expect(rig.engine.streams).toHaveLength(4);
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "REPLICA_EXHAUSTED", retriable: true } });
  await rig.desk.accept(rig.request());
  rig.engine.last.fault("refused", { status: 400 });
  await rig.clock.advance(5000);
  expect(rig.desk.get("t2")).toMatchObject({ state: "failed", error: { code: "INVALID_PARAMS", retriable: false } });
  expect(rig.engine.streams).toHaveLength(5);
});

test("an engine that says nothing, or stops talking, is given up", async () => {
  rig.pool(poolOf("a", { r1: 2 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  rig.stream("t2").sink.token("x");
  await rig.clock.advance(30_001);
  expect(rig.desk.get("t2")).toMatchObject({ state: "failed", error: { code: "DECODE_TIMEOUT" } });
  expect(rig.desk.get("t1").state).toBe("running");
  await rig.clock.advance(90_000);
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "DECODE_TIMEOUT" } });
  expect(rig.engine.streams.every(({ canceled }) => canceled)).toBe(true);
});

test("a deadline ends what waits and what runs", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request({ deadlineMs: 60_000 }));
  await rig.clock.advance(60_001);
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "DEADLINE_UNMET" } });
  expect(rig.engine.last.canceled).toBe(true);
});

test("a full queue refuses, or evicts the oldest batch task, which is told", async () => {
  rig = new Rig({ capacity: 1, admission: "drop-lru" });
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request({ priority: "batch" }));
  await rig.desk.accept(rig.request());
  expect(rig.desk.get("t2")).toMatchObject({ state: "failed", error: { code: "QUEUE_FULL_DROP_LRU", retriable: true } });
  await rig.close();
  rig = new Rig({ capacity: 1 });
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  const refused = await rig.desk.accept(rig.request()).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "ADMISSION_REJECT", facts: { retriable: true } });
  expect((refused as { facts: { retry_after_ms: number } }).facts.retry_after_ms).toBeGreaterThan(0);
});

test("unknown models, ids in use, ids that are not there", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  expect(await code(rig.desk.accept(rig.request({ model: "other" })))).toBe("MODEL_UNKNOWN");
  await rig.desk.accept(rig.request({ taskId: "same" }));
  expect(await code(rig.desk.accept(rig.request({ taskId: "same" })))).toBe("CONFLICT");
  await rig.desk.cancel("same");
  expect(await code(rig.desk.accept(rig.request({ taskId: "same" })))).toBe("no error");
  expect(await code(rig.desk.cancel("nobody"))).toBe("NOT_FOUND");
});

test("a pool that goes takes its queue along, a drained one all of it, a purged one only what waits", async () => {
  for (const id of ["gone", "drained", "purged"]) rig.pool(poolOf(id, { r1: 1 }, { models: [id] }));
  for (const model of ["gone", "drained", "purged"])
    for (const n of [1, 2]) await rig.desk.accept(rig.request({ taskId: `${model}${n}`, model }));
  rig.drop("gone");
  rig.desk.work.expire("drained", "its drain is over");
  rig.desk.work.purge("purged");
  const states = ["gone1", "gone2", "drained1", "drained2", "purged1", "purged2"].map(
    (id) => rig.desk.get(id).error?.code ?? rig.desk.get(id).state,
  );
  expect(states).toEqual(["running", "POOL_UNAVAILABLE", "POOL_UNREADY", "POOL_UNREADY", "running", "POOL_UNAVAILABLE"]);
});

test("what a daemon that was killed left ends as WORKER_RESET", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  rig.desk = rig.build();
  expect(await rig.desk.start()).toBe(2);
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "WORKER_RESET", retriable: true } });
  expect(rig.desk.get("t2")).toMatchObject({ state: "failed", error: { code: "WORKER_RESET" } });
});

test("the last reader who leaves cancels, if the task wants that; nobody's leaving before the first came", async () => {
  rig.pool(poolOf("a", { r1: 3 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request({ cancelOnDisconnect: false }));
  await rig.desk.accept(rig.request());
  const [one, two] = [new Reader(rig.desk.channel("t1")), new Reader(rig.desk.channel("t1"))];
  new Reader(rig.desk.channel("t2")).leave();
  one.leave();
  expect(rig.stream("t1").canceled).toBe(false);
  two.leave();
  expect(rig.engine.streams.map(({ canceled }) => canceled)).toEqual([true, false, false]);
});

test("a desk that closes tells who reads, and leaves nothing for the next one", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  const readers = ["t1", "t2"].map((id) => new Reader(rig.desk.channel(id)));
  await rig.desk.close();
  expect(readers.map(({ names }) => names)).toEqual(["started error", "error"]);
  expect(rig.engine.last.canceled).toBe(true);
  rig.desk = rig.build();
  expect(await rig.desk.start()).toBe(0);
  expect(rig.desk.get("t2")).toMatchObject({ state: "failed", error: { code: "WORKER_RESET" } });
});

test("a desk that is closed takes nothing: nobody would ever begin it", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  const closed = rig.desk.close();
  expect(await rig.desk.accept(rig.request()).catch((error: unknown) => error)).toMatchObject({
    code: "POOL_UNREADY",
    facts: { retriable: true },
  });
  expect(() => rig.desk.open(rig.request())).toThrow("the control plane is being stopped; ask again when it is back");
  await closed;
  expect(rig.desk.list({ limit: 10 })).toEqual([]);
});

test("a model that thinks is not given up as silent", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  rig.engine.last.sink.token("x");
  for (let n = 0; n < 5; n++) {
    await rig.clock.advance(20_000);
    rig.engine.last.sink.alive?.();
  }
  expect(rig.desk.get("t1").state).toBe("running");
  await rig.clock.advance(30_001);
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "DECODE_TIMEOUT" } });
});
