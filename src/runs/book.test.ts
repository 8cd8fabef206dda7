import { describe, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { how, LEASE_MS, Lives, planOf, settled, step } from "./book/book.fake.ts";

describe("a run that a worker executes", () => {
  test("is created, claimed, told of, and finished; every event is there, in order, and nothing after the end", async () => {
    using lives = new Lives();
    const { book, ended } = lives.next();
    const { id } = await book.create({ name: "work", metadata: { a: 1 }, input: { b: 2 } }, how());
    expect(book.get(id)).toMatchObject({ kind: "external", status: "pending", name: "work", owner: "tests", attempt: 0 });
    const before = await book.checkpoint(id, { type: "seen" });
    const claim = await book.workers.claim(id, "w1");
    expect(claim).toMatchObject({
      runId: id,
      attempt: 1,
      lease_ms: LEASE_MS,
      input: { b: 2 },
      steps: [],
      run: { status: "running", worker: "w1" },
    });
    expect(claim.run).not.toHaveProperty("tokenHash");
    const caller = { token: claim.token };
    const { checkpoint_ids: ids } = await book.workers.report(
      id,
      {
        changes: [
          { step: "a", event: "begin" },
          { step: "a", event: "finish", set: { outputs: { x: 1 } } },
        ],
        checkpoints: [{ type: "half", data: { n: 1 }, step: "a" }],
      },
      caller,
    );
    expect(await book.workers.finish(id, { status: "completed", result: 42 }, caller)).toMatchObject({ status: "completed", result: 42 });
    expect(lives.story(id)).toEqual([
      "run.pending",
      "checkpoint",
      "run.running",
      "step.running a",
      "step.completed a",
      "checkpoint",
      "run.completed",
    ]);
    expect(book.checkpoints(id, { limit: 10 }).map((one) => [one.id, one.type, one.step])).toEqual([
      [before, "seen", undefined],
      [ids[0] ?? "", "half", "a"],
    ]);
    expect(book.workers.lastCheckpoint(id, "a")).toEqual({ n: 1 });
    expect(ended.map((run) => run.id)).toEqual([id]);
    for (const late of [
      () => book.checkpoint(id, { type: "late" }),
      () => book.workers.report(id, { checkpoints: [{ type: "late" }] }, caller),
      () => book.workers.finish(id, { status: "failed", error: { code: "x", message: "x" } }, caller),
      () => book.workers.heartbeat(id, {}, caller),
      () => book.cancel(id),
      () => book.pause(id),
      () => book.signal(id, "s", 1),
    ])
      expect(await refused(late)).toMatchObject({ code: "conflict", facts: { from: "completed" } });
    expect(lives.story(id)).toHaveLength(7);
  });
});

describe("a run that this daemon drives", () => {
  test("begins, is driven through its ledger, and ends", async () => {
    using lives = new Lives();
    const { book, driven } = lives.next();
    const { id } = await book.create(planOf(step("a"), step("b", { needs: ["a"] })), how());
    await settled();
    expect(driven.map((run) => [run.id, run.attempt, run.status])).toEqual([[id, 1, "running"]]);
    const ledger = book.ledger(id);
    await ledger.record([{ step: "a", event: "begin" }]);
    expect(ledger.snapshot().steps.get("a")).toMatchObject({ status: "running", attempt: 1 });
    await ledger.record(
      [
        { step: "a", event: "finish" },
        { step: "b", event: "begin" },
      ],
      [{ type: "c", step: "a", data: 7 }],
    );
    expect(await ledger.lastCheckpoint("a")).toBe(7);
    await ledger.record([{ step: "b", event: "finish" }]);
    await ledger.finish({ status: "completed" });
    expect(book.get(id)).toMatchObject({ status: "completed" });
    expect(lives.story(id).at(-1)).toBe("run.completed");
    expect(await refused(() => ledger.record([{ step: "b", event: "begin" }]))).toMatchObject({ code: "conflict" });
  });
});
