import { describe, expect, test } from "bun:test";
import { refused } from "../kernel/journal-fixture.ts";
import { RunStore } from "../workflow/store.ts";
import { how, Lives, planOf, settled, step } from "./book/book.fake.ts";
import { RunCatalogue } from "./catalogue.ts";

const CHANGE = {
  id: "01000000-0000-7000-8000-000000000000",
  kind: "apply",
  lane: "stack/shop",
  status: "cancelled" as const,
  input: {},
  labels: { stack: "shop" },
  createdAt: 1000,
};

async function filled() {
  const lives = new Lives();
  const { book } = lives.next();
  await new RunStore(lives.journal).save(CHANGE, "run.cancelled");
  const external = await book.create({ name: "mine", metadata: { a: 1 } }, { mode: "local", owner: "ann" });
  await lives.clock.advance(10);
  const planned = await book.create({ ...planOf(step("b"), step("a", { needs: ["b"] })), priority: 2, concurrency_key: "k" }, how("redis"));
  await settled();
  return { lives, book, external, planned, catalogue: new RunCatalogue(lives.journal) };
}

describe("the list of runs", () => {
  test("has those of both engines, newest first, by what the wire calls them", async () => {
    const { lives, book, external, planned, catalogue } = await filled();
    using _ = lives;
    const ids = (filter: Parameters<RunCatalogue["list"]>[0]) => catalogue.list(filter).map(({ id }) => id);
    expect(ids({ limit: 10 })).toEqual([planned.id, external.id, CHANGE.id]);
    expect(ids({ limit: 1, before: planned.id })).toEqual([external.id]);
    expect(ids({ limit: 10, status: "pending" })).toEqual([planned.id, external.id]);
    expect(ids({ limit: 10, status: "canceled" })).toEqual([CHANGE.id]);
    await book.cancel(external.id);
    expect(ids({ limit: 10, status: "canceled" })).toEqual([external.id, CHANGE.id]);
    expect(ids({ limit: 1, status: "canceled" })).toEqual([external.id]);
    expect(ids({ limit: 10, kind: "apply" })).toEqual([CHANGE.id]);
    expect(ids({ limit: 10, name: "mine" })).toEqual([external.id]);
    expect(ids({ limit: 10, name: "apply shop" })).toEqual([CHANGE.id]);
    expect(catalogue.get(CHANGE.id).name).toBe("apply shop");
    expect(ids({ limit: 10, owner: "ann" })).toEqual([external.id]);
    expect(ids({ limit: 10, owner: "orco", mode: "local" })).toEqual([CHANGE.id]);
    expect(ids({ limit: 10, mode: "redis" })).toEqual([planned.id]);
    expect(ids({ limit: 10, since: planned.createdAt })).toEqual([planned.id]);
    expect(ids({ limit: 10, stack: "shop" })).toEqual([CHANGE.id]);
    expect(ids({ limit: 10, kind: "external", stack: "shop" })).toEqual([]);
  });

  test("shows a run with its steps in the order of its plan, items after theirs, and leaves them out where there are many", async () => {
    const { lives, book, planned, catalogue } = await filled();
    using _ = lives;
    const { token } = await book.workers.claim(planned.id, { worker: "w", dispatch: 1 });
    const waiting = { kind: "approval" as const, summary: "?", since: 0, content: { long: "text" }, contentHash: "h", expiresAt: 5 };
    await book.workers.report(
      planned.id,
      {
        changes: [
          { step: "a[10]", event: "begin" },
          { step: "a[2]", event: "fail", error: { code: "x", message: "broke", facts: { exit: 1 } } },
          { step: "a", event: "wait", waiting },
        ],
      },
      { token },
    );
    const view = catalogue.get(planned.id);
    expect(view.steps.map(({ id, status, message }) => [id, status, message])).toEqual([
      ["b", "pending", undefined],
      ["a", "waiting", undefined],
      ["a[2]", "failed", "broke"],
      ["a[10]", "running", undefined],
    ]);
    expect(view).toMatchObject({
      attempt: 1,
      worker: "w",
      priority: 2,
      concurrency_key: "k",
      waiting: { step: "a", content: { long: "text" }, content_hash: "h" },
    });
    expect(view.steps[2]?.error).toEqual({ exit: 1, code: "x", message: "broke" });
    expect(view).not.toHaveProperty("tokenHash");
    const [listed] = catalogue.list({ limit: 1 });
    expect(listed?.steps).toHaveLength(4);
    expect(listed?.waiting).not.toHaveProperty("content");
    await book.cancel(planned.id);
    expect(catalogue.get(planned.id).steps.map(({ status }) => status)).toEqual(["canceled", "canceled", "failed", "canceled"]);
    const { id } = await book.create(planOf(...Array.from({ length: 101 }, (_one, n) => step(`s${n}`))), how());
    expect(catalogue.list({ limit: 1 })[0]).toMatchObject({ id, steps: [] });
    expect(catalogue.get(id).steps).toHaveLength(101);
    expect(await refused(() => catalogue.get("nothing"))).toMatchObject({ code: "not_found" });
  });

  test("shows up to 100 steps whether they have begun or not; what they and a run leave behind is shown by the run when it is long", async () => {
    const { lives, book, catalogue } = await filled();
    using _ = lives;
    const ids = Array.from({ length: 60 }, (_one, n) => `s${n}`);
    const { id } = await book.create(planOf(...ids.map((one) => step(one))), how());
    await settled();
    const ledger = book.ledger(id);
    await ledger.record(ids.map((one) => ({ step: one, event: "begin" })));
    expect(catalogue.list({ limit: 1 })[0]?.steps).toHaveLength(60);
    await ledger.record(ids.map((one) => ({ step: one, event: "finish", set: { outputs: { long: "x".repeat(10_000) } } })));
    await ledger.finish({ status: "completed", result: "x".repeat(300_000) });
    expect(catalogue.list({ limit: 1 })[0]).toMatchObject({ id, status: "completed", steps: [] });
    expect(JSON.stringify(catalogue.list({ limit: 1 })).length).toBeLessThan(2000);
    expect(JSON.stringify(catalogue.get(id)).length).toBeGreaterThan(900_000);
  });
});
