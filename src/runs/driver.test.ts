import { describe, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { finished, scene } from "./drive/scene.fake.ts";
import { Slots } from "./slots.ts";

const command = ["true"];

function refusal(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => "taken",
    (error: unknown) => (error instanceof OrcoError ? error.code : error),
  );
}

describe("a run", () => {
  test("goes through its plan, hands outputs on and ends with them", async () => {
    const s = scene(
      [
        { id: "a", command: ["make", "${input.what}"], outputs: ["n"] },
        { id: "b", command: ["use", "${steps.a.outputs.n}"], needs: ["a"], env: { RUN: "${run.id}" } },
        { id: "c", http: { url: "http://x", method: "POST", body: { all: "${steps.a.outputs}" } }, needs: ["a"] },
      ],
      { input: { what: "cake" } },
    );
    await s.settle();
    expect(s.runner.alive.map(({ order }) => order.spec.command)).toEqual([["make", "cake"]]);
    expect(s.run.steps.get("a")).toMatchObject({ status: "running", attempt: 1, execution: "e1" });
    await s.runner.of("a").output.output({ n: 1, m: "x" }, 20);
    expect(s.run.steps.get("a")).toMatchObject({ outputs: { n: 1, m: "x" }, consumed: 20 });
    s.runner.of("a").complete({ n: 2 });
    await s.settle();
    expect(s.runner.of("b").order.spec).toMatchObject({ command: ["use", "2"], env: { RUN: "run-1" } });
    expect(s.runner.of("c").order.spec.http?.body).toEqual({ all: { n: 2, m: "x" } });
    s.runner.of("b").complete();
    s.runner.of("c").complete({ status: 200 });
    expect(await finished(s)).toEqual({ status: "completed", result: { a: { n: 2, m: "x" }, c: { status: 200 } } });
    expect(s.runner.forgotten).toEqual(["run-1"]);
    expect(s.runner.all.map(({ released }) => released)).toEqual([1, 1, 1]);
    expect(s.errors).toEqual([]);
  });

  test("begins what is ready in one transaction, before it starts it", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command },
    ]);
    s.runner.onStart = ({ order }) => expect(s.run.status(order.step)).toBe("running");
    s.run.faults.push(new OrcoError("disk_full", "full"));
    await s.settle();
    expect(s.runner.all).toHaveLength(0);
    await s.clock.advance(50);
    expect(s.runner.all).toHaveLength(2);
    expect(s.errors).toMatchObject([{ code: "disk_full" }]);
    for (const one of s.runner.all) one.complete();
    expect(await finished(s)).toMatchObject({ status: "completed" });
  });

  test("fails with its first failed step; the rest follows its when", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command, needs: ["a"] },
      { id: "c", command, needs: ["b"], when: "failure" },
      { id: "d", command, needs: ["c"], when: "always" },
      { id: "e", command },
      { id: "f", command, needs: ["e"], when: "failure" },
      { id: "g", command, needs: ["f"] },
    ]);
    await s.settle();
    s.runner.of("a").fail("no disk");
    s.runner.of("e").complete();
    await s.settle();
    expect(s.run.steps.get("b")).toMatchObject({ status: "skipped", message: "it needs a, which failed", attempt: 0 });
    expect(s.run.steps.get("f")).toMatchObject({ status: "skipped", message: "nothing that it needs has failed" });
    expect(s.run.steps.get("g")).toMatchObject({ status: "skipped", message: "it needs f, which was skipped" });
    s.runner.of("c").complete();
    await s.settle();
    s.runner.of("d").complete({ ok: true });
    expect(await finished(s)).toEqual({
      status: "failed",
      error: { code: "start_failed", message: "step a failed: no disk", facts: { step: "a" } },
      result: { d: { ok: true } },
    });
  });

  test("skips ten thousand steps in a chain at once", async () => {
    const steps = Array.from({ length: 10_000 }, (_, n) => ({ id: `s${n}`, command, needs: n > 0 ? [`s${n - 1}`] : [] }));
    const s = scene(steps);
    await s.settle();
    const before = performance.now();
    s.runner.of("s0").fail();
    await s.clock.advance(0);
    expect(await finished(s)).toMatchObject({ status: "failed" });
    if (process.env["ORCO_TIMES"]) console.log("skip 10,000", performance.now() - before);
  });
});

describe("a step", () => {
  test("is tried again with longer and longer waits, and its checkpoint handed on", async () => {
    const s = scene([{ id: "a", command, retry: { max: 2, backoff: { min_ms: 100, max_ms: 150, factor: 2 } } }]);
    await s.settle();
    await s.runner.of("a").output.checkpoint({ data: { at: 7 }, consumed: 9 });
    expect(s.run.checkpoints).toMatchObject([{ type: "checkpoint", step: "a", attempt: 1, data: { at: 7 } }]);
    s.runner.of("a").fail("one");
    await s.settle();
    expect(s.run.steps.get("a")).toMatchObject({
      status: "waiting",
      failures: 1,
      waiting: { kind: "retry", summary: "again in 100ms (1 of 2): one" },
    });
    await s.clock.advance(99);
    expect(s.runner.all).toHaveLength(1);
    await s.clock.advance(1);
    expect(s.runner.of("a").order).toMatchObject({ attempt: 2, resume: { at: 7 }, consumed: 0 });
    s.runner.of("a").fail("two");
    await s.clock.advance(150);
    s.runner.of("a").fail("three");
    expect(await finished(s)).toMatchObject({ status: "failed", error: { message: "step a failed: three" } });
    expect(s.run.steps.get("a")).toMatchObject({ attempt: 3, failures: 3, status: "failed" });
  });

  test("is not tried again where that is no use", async () => {
    const s = scene([{ id: "a", command, retry: { max: 5 } }]);
    await s.settle();
    s.runner.of("a").fail("no such program", true);
    expect(await finished(s)).toMatchObject({ status: "failed" });
  });

  test("is stopped when it takes too long", async () => {
    const s = scene([{ id: "a", command, timeout_ms: 1500, grace_ms: 7 }]);
    await s.clock.advance(1499);
    expect(s.runner.of("a").stops).toEqual([]);
    await s.clock.advance(1);
    expect(s.runner.of("a").stops).toEqual([{ why: "timeout", graceMs: 7 }]);
    expect(await finished(s)).toMatchObject({ error: { code: "timeout", message: "step a failed: a took longer than 1.5s" } });
  });

  test("that is lost is executed again without spending a retry, but not for ever", async () => {
    const s = scene([{ id: "a", command }]);
    await s.settle();
    for (let nth = 0; nth < 20; nth++) {
      expect(s.runner.all).toHaveLength(nth + 1);
      s.runner.of("a").lose();
      await s.clock.advance(30_000);
    }
    expect(s.run.steps.get("a")).toMatchObject({ attempt: 21, failures: 0 });
    s.runner.of("a").lose();
    expect(await finished(s)).toMatchObject({
      error: { code: "unavailable", message: "step a failed: a was lost 21 times in a row: evicted" },
    });
  });

  test("fails without the outputs it promises, with too large ones, and with a reference to nothing", async () => {
    const s = scene([
      { id: "a", command, outputs: ["x", "y"] },
      { id: "b", command },
      { id: "c", command: ["${input.x}"] },
      { id: "d", command },
    ]);
    await s.settle();
    s.runner.of("a").complete({ x: 1 });
    s.runner.of("b").complete({ x: "x".repeat(600_000) });
    await s.runner.of("d").output.output({ x: "x".repeat(600_000) });
    expect(await finished(s)).toMatchObject({ status: "failed" });
    expect(s.run.steps.get("a")?.error).toMatchObject({ code: "invalid", message: expect.stringContaining("promises: y") });
    expect(s.run.steps.get("b")?.error).toMatchObject({ code: "too_large" });
    expect(s.run.steps.get("c")).toMatchObject({ attempt: 0, error: { code: "invalid", message: "${input.x} has no value" } });
    expect(s.run.steps.get("d")?.error).toMatchObject({ code: "too_large" });
  });

  test("tells its progress once a second at most, and the last of it", async () => {
    const s = scene([{ id: "a", command }]);
    await s.settle();
    const { output } = s.runner.of("a");
    for (let percent = 0; percent <= 50; percent++) output.progress({ percent });
    await s.clock.advance(1);
    output.progress({ percent: 60 });
    output.progress({ message: "nearly" });
    await s.clock.advance(998);
    expect(s.run.steps.get("a")?.progress).toEqual({ percent: 50 });
    await s.clock.advance(2);
    expect(s.run.steps.get("a")?.progress).toEqual({ percent: 60, message: "nearly" });
    expect(s.run.history.filter(({ event }) => event === "tell")).toHaveLength(2);
    output.progress({ percent: 99 });
    s.runner.of("a").complete();
    await finished(s);
  });
});

describe("the next driver", () => {
  test("takes over what lives, and executes again what is gone", async () => {
    const first = scene(
      [
        { id: "a", command, timeout_ms: 1000 },
        { id: "b", command },
        { id: "c", command },
      ],
      { obeys: false },
    );
    await first.clock.advance(400);
    first.driver.abandon();
    expect(await first.done).toBe("left");
    expect(first.clock.pendingTimers).toBe(0);
    expect(first.runner.alive).toHaveLength(3);
    expect(await refusal(first.runner.of("a").output.checkpoint({ data: 1 }))).toBe("cancelled");
    first.runner.of("b").complete({ x: 1 });
    first.runner.all.splice(2, 1);
    const s = first.again();
    await s.settle();
    expect(s.run.steps.get("b")).toMatchObject({ status: "completed", outputs: { x: 1 }, attempt: 1 });
    expect(s.run.steps.get("c")).toMatchObject({ status: "running", attempt: 2, failures: 0 });
    await s.clock.advance(600);
    expect(s.runner.of("a").stops).toEqual([{ why: "timeout", graceMs: 5000 }]);
    s.runner.of("a").complete();
    s.runner.of("c").complete();
    expect(await finished(s)).toMatchObject({ status: "completed" });
  });

  test("shuts out the one before, which stops its steps", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command, needs: ["a"] },
    ]);
    await s.settle();
    s.run.shutOut();
    expect(await refusal(s.runner.of("a").output.output({ x: 1 }))).toBe("conflict");
    expect(await s.done).toBe("lost");
    expect(s.runner.of("a").stops).toEqual([{ why: "cancel", graceMs: 5000 }]);
    expect(s.runner.forgotten).toEqual([]);
    expect(s.clock.pendingTimers).toBe(0);
  });

  test("ends a run that nothing can record any more", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command, needs: ["a"] },
    ]);
    await s.settle();
    for (let nth = 0; nth <= 20; nth++) s.run.faults.push(new OrcoError("too_large", "too much"));
    s.runner.of("a").complete();
    await s.clock.advance(1_000_000);
    expect(s.run.end).toMatchObject({ status: "failed", error: { code: "internal", message: "the run could not be driven on: too much" } });
    expect(await s.done).toBe("lost");
    expect(s.runner.forgotten).toEqual(["run-1"]);
    expect(s.clock.pendingTimers).toBe(0);
  });

  test("is not kept waiting by one that cannot write", async () => {
    const s = scene([{ id: "a", command }]);
    for (let nth = 0; nth < 5; nth++) s.run.faults.push(new OrcoError("disk_full", "full"));
    await s.clock.advance(100);
    s.driver.abandon();
    expect(await s.done).toBe("left");
    expect(s.clock.pendingTimers).toBe(0);
    expect(s.runner.all).toEqual([]);
  });
});

test("drivers share slots in the order of asking, and give back what they hold", async () => {
  const slots = new Slots(2);
  const a = scene(
    [
      { id: "a", command },
      { id: "b", command },
      { id: "c", command },
      { id: "w", http: { url: "http://x" } },
    ],
    {},
    { slots },
  );
  const b = scene(
    [
      { id: "x", command },
      { id: "y", command },
    ],
    {},
    { slots },
  );
  await a.settle();
  await b.settle();
  expect(a.runner.alive.map(({ order }) => order.step)).toEqual(["a", "b", "w"]);
  expect(b.runner.alive).toEqual([]);
  a.runner.of("a").complete();
  await a.settle();
  await b.settle();
  expect(a.runner.alive.map(({ order }) => order.step)).toEqual(["b", "w", "c"]);
  a.runner.of("b").complete();
  await a.settle();
  await b.settle();
  expect(b.runner.alive.map(({ order }) => order.step)).toEqual(["x"]);
  a.run.cancel();
  b.runner.of("x").complete();
  await a.settle();
  await b.settle();
  expect(b.runner.alive.map(({ order }) => order.step)).toEqual(["y"]);
  b.runner.of("y").complete();
  await finished(b);
  await finished(a);
  expect([slots.tryTake(), slots.tryTake(), slots.tryTake()]).toEqual([true, true, false]);
});
