import { expect, test } from "bun:test";
import type { RunSummary } from "../repair/view.ts";
import { sayWhyQueued } from "./repair-queued.ts";
import { ID, repairDetail, repairSummary } from "./repair-views.fake.ts";

const WAITS = "behind other, which waits for an approval: orco approve other, or orco repair cancel other";
const PAUSE = "the last repair of shop/api ended at 00:00:09; there is a pause between two (ORCO_REPAIR_COOLDOWN_MS)";

test.each([
  ["another waits", [{ run_id: "other", completed_at: null }], WAITS],
  [
    "another runs",
    [
      { run_id: "late", status: "queued", completed_at: null },
      { run_id: "other", status: "running", completed_at: null },
    ],
    "behind other, which is running",
  ],
  [
    "another goes first",
    [
      { run_id: "late", status: "queued", completed_at: null },
      { run_id: "first", status: "queued", completed_at: null },
    ],
    "behind first, which is queued",
  ],
  ["of the pause", [{ run_id: "other", status: "succeeded", completed_at: "2026-01-01T00:00:09.000Z" }], PAUSE],
  ["of other services", [], "other runs are under way: orco runs"],
] as const)("a repair that does not begin says why: %s", async (_name, others: readonly Partial<RunSummary>[], says) => {
  const said = Promise.withResolvers<string>();
  const asked: unknown[] = [];
  const client = {
    get: async () => repairDetail({ status: "queued", queued_at: "2026-01-01T00:00:10.000Z" }),
    list: async (query: unknown) => {
      asked.push(query);
      return { runs: [repairSummary({ run_id: ID, status: "queued", completed_at: null }), ...others.map((one) => repairSummary(one))] };
    },
  };
  const end = sayWhyQueued(client, ID, said.resolve);
  expect(await said.promise).toBe(`00:00:10 queued   ${says}`);
  expect(asked).toEqual([{ service: "shop/api", limit: 50 }]);
  end();
});

test("one that has begun meanwhile says nothing, nor does one whose daemon is away", async () => {
  const said: string[] = [];
  for (const get of [async () => repairDetail({ status: "running" }), () => Promise.reject(new Error("away"))]) {
    const asked = Promise.withResolvers<void>();
    const client = { get: () => get().finally(asked.resolve), list: () => Promise.reject(new Error("not asked for")) };
    const end = sayWhyQueued(client, ID, (text) => said.push(text));
    await asked.promise;
    await Promise.resolve();
    end();
  }
  expect(said).toEqual([]);
});
