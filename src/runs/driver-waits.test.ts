import { describe, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { finished, scene } from "./drive/scene.fake.ts";

const command = ["true"];

describe("who waits for somebody", () => {
  test("goes on when approved and signalled", async () => {
    const s = scene(
      [
        { id: "a", approval: { roles: ["ops"], content: { v: "${input.v}" } } },
        { id: "b", wait_for: { signal: "go" } },
        { id: "c", command: ["${steps.b.outputs.x}"], needs: ["a", "b"] },
      ],
      { input: { v: 3 } },
    );
    await s.settle();
    const { waiting } = s.run.steps.get("a") ?? {};
    expect(waiting).toMatchObject({
      kind: "approval",
      roles: ["ops"],
      content: { v: 3 },
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((waiting?.expiresAt ?? 0) - (waiting?.since ?? 0)).toBe(86_400_000);
    expect(s.run.steps.get("b")?.waiting).toMatchObject({ kind: "wait", signal: "go" });
    s.run.answer("a");
    await s.settle();
    expect(s.runner.all).toHaveLength(0);
    s.run.answer("b", { x: "y" });
    await s.settle();
    expect(s.runner.of("c").order.spec.command).toEqual(["y"]);
    s.runner.of("c").complete();
    expect(await finished(s)).toMatchObject({ status: "completed" });
  });

  test("fails when nobody comes in time", async () => {
    const s = scene([
      { id: "a", approval: { expires_ms: 500 } },
      { id: "b", wait_for: "go", timeout_ms: 700 },
    ]);
    await s.clock.advance(500);
    expect(s.run.steps.get("a")).toMatchObject({ status: "failed", error: { code: "approval_denied", facts: { expired: true } } });
    await s.clock.advance(200);
    expect(s.run.steps.get("b")?.error).toMatchObject({ code: "timeout", message: "the signal go did not come within 700ms" });
    expect(await finished(s)).toMatchObject({ status: "failed", error: { code: "approval_denied" } });
  });

  test("is believed when the answer and the end of patience cross", async () => {
    const s = scene([{ id: "a", approval: { expires_ms: 500 } }]);
    await s.settle();
    s.run.faults.push(new OrcoError("disk_full", "full"));
    await s.clock.advance(500);
    s.run.answer("a", { approver: "x" });
    await s.clock.advance(100);
    expect(await finished(s)).toMatchObject({ status: "completed", result: { a: { approver: "x" } } });
  });
});

describe("for_each", () => {
  test("executes its items a few at a time and ends with the outputs of each", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command: ["${item.n}", "${index}"], needs: ["a"], for_each: { from: "${steps.a.outputs.list}", max_parallel: 2 } },
      { id: "c", command: ["${steps.b.outputs.items[2].r}"], needs: ["b"] },
      { id: "d", command, for_each: { items: [] } },
    ]);
    await s.settle();
    s.runner.of("a").complete({ list: [{ n: "x" }, { n: "y" }, { n: "z" }] });
    await s.settle();
    expect(s.run.steps.get("b")).toMatchObject({ status: "waiting", items: 3, waiting: { kind: "for_each" } });
    expect(s.runner.alive.map(({ order }) => order.step)).toEqual(["b[0]", "b[1]"]);
    s.runner.of("b[1]").complete();
    await s.settle();
    expect(s.runner.of("b[2]").order.spec.command).toEqual(["z", "2"]);
    s.runner.of("b[2]").complete({ r: "last" });
    s.runner.of("b[0]").complete({ r: "first" });
    await s.settle();
    expect(s.run.steps.get("b")).toMatchObject({ status: "completed", outputs: { items: [{ r: "first" }, null, { r: "last" }] } });
    expect(s.run.steps.get("d")).toMatchObject({ status: "completed", outputs: { items: [] } });
    expect(s.runner.of("c").order.spec.command).toEqual(["last"]);
    s.runner.of("c").complete();
    expect(await finished(s)).toMatchObject({ status: "completed" });
  });

  test("fails where its run says more than is kept in memory, however little each item says", async () => {
    const s = scene([{ id: "a", command, for_each: { items: Array.from({ length: 300 }, (_, n) => n), max_parallel: 32 } }], {
      max_parallel: 32,
    });
    s.runner.onStart = (execution) => execution.complete({ long: "x".repeat(500_000) });
    await s.done;
    expect(await finished(s)).toMatchObject({ status: "failed", error: { code: "too_large" } });
    const kept = [...s.run.steps.values()].reduce((sum, { outputs }) => sum + (outputs ? JSON.stringify(outputs).length : 0), 0);
    expect(kept).toBeLessThan((64 + 16) * 1024 * 1024);
  });

  test("fails after all its items have ended, and each is tried again for itself", async () => {
    const retry = { max: 1, backoff: { min_ms: 10 } };
    const s = scene([{ id: "b", command, retry, for_each: { items: ["x", "y", "z"], max_parallel: 2 } }]);
    await s.settle();
    s.runner.of("b[0]").fail();
    await s.clock.advance(5);
    expect(s.run.status("b[2]")).toBe("pending");
    await s.clock.advance(5);
    s.runner.of("b[0]").fail("twice");
    await s.settle();
    expect(s.run.status("b")).toBe("waiting");
    s.runner.of("b[1]").complete();
    s.runner.of("b[2]").complete();
    expect(await finished(s)).toMatchObject({ error: { message: "step b failed: 1 of 3 items failed; b[0]: twice" } });
  });

  test("fails where it is told of no list", async () => {
    const s = scene([{ id: "b", command, for_each: { from: "${input.x}" } }], { input: { x: "no" } });
    expect(await finished(s)).toMatchObject({ error: { code: "invalid", message: "step b failed: for_each: ${input.x} is not a list" } });
  });
});

describe("cancel", () => {
  const steps = [
    { id: "a", command, grace_ms: 99 },
    { id: "b", command, needs: ["a"] },
    { id: "c", approval: {} },
    { id: "d", command, for_each: { items: [1, 2], max_parallel: 1 } },
    { id: "e", command, retry: { max: 1 } },
  ];

  test("stops what executes and ends everything else", async () => {
    const s = scene(steps);
    await s.settle();
    s.runner.of("e").fail();
    await s.settle();
    s.run.cancel("enough");
    expect(await finished(s)).toEqual({ status: "canceled", reason: "enough" });
    expect(s.runner.of("a").stops).toEqual([{ why: "cancel", graceMs: 99 }]);
    expect(["a", "b", "c", "d", "d[0]", "e"].map((step) => s.run.status(step))).toEqual(Array.from({ length: 6 }, () => "canceled"));
    expect(s.run.status("d[1]")).toBe("pending");
  });

  test("waits for what does not end, and hurries it when forced", async () => {
    const s = scene(steps, { obeys: false });
    await s.settle();
    s.run.cancel("enough");
    await s.settle();
    expect(s.run.status("a")).toBe("cancelling");
    s.run.cancel("enough", true);
    await s.settle();
    expect(s.runner.of("a").stops.at(-1)).toEqual({ why: "cancel", graceMs: 0 });
    s.runner.of("a").complete({ x: 1 });
    for (const one of s.runner.alive) one.fail();
    expect(await finished(s)).toMatchObject({ status: "canceled" });
    expect(s.run.status("a")).toBe("completed");
  });

  test("of a paused run ends it; a pause begins nothing", async () => {
    const s = scene([
      { id: "a", command },
      { id: "b", command, needs: ["a"] },
      { id: "c", approval: {}, needs: ["a"] },
    ]);
    await s.settle();
    s.run.change("pause");
    s.runner.of("a").complete();
    await s.settle();
    expect([s.run.status("a"), s.run.status("b"), s.run.status("c")]).toEqual(["completed", "pending", "pending"]);
    s.run.change("resume");
    await s.settle();
    expect([s.run.status("b"), s.run.status("c")]).toEqual(["running", "waiting"]);
    s.run.change("pause");
    s.run.cancel();
    expect(await finished(s)).toMatchObject({ status: "canceled" });
  });

  test("by the run's timeout makes it fail", async () => {
    const s = scene(steps, { timeoutMs: 1000 });
    await s.clock.advance(999);
    expect(s.run.end).toBeUndefined();
    await s.clock.advance(1);
    expect(await finished(s)).toMatchObject({ status: "failed", error: { code: "timeout" } });
    expect(s.run.status("b")).toBe("canceled");
  });
});
