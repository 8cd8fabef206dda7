import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../kernel/clock.ts";
import { Journal } from "../kernel/journal.ts";
import type { RunRow } from "./run.ts";
import { RunStore } from "./store.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-runs-"));
const journal = Journal.open({ path: join(dir, "orco.db"), clock: systemClock(), log: () => undefined });
const store = new RunStore(journal);

afterAll(() => {
  journal.close();
  rmSync(dir, { recursive: true });
});

function run(id: string, lane: string, labels: RunRow["labels"]): RunRow {
  return { id, kind: "deploy", lane, status: "completed", input: {}, labels, createdAt: 1 };
}

test("runs of a lane or a label are found past any number of others, newest first", async () => {
  for (let n = 0; n < 60; n++) await store.save(run(`b${String(n).padStart(2, "0")}`, "stack/busy", { stack: "busy" }), "run.queued");
  await store.save(run("a1", "app/blog", { app: "blog" }), "run.queued");
  await store.save(run("a2", "app/blog", { app: "blog" }), "run.queued");
  await store.save(run("a3", "update/quiet/api", { stack: "quiet" }), "run.queued");
  const ids = (rows: readonly RunRow[]): string[] => rows.map(({ id }) => id);
  expect(ids(store.list(2))).toEqual(["b59", "b58"]);
  expect(ids(store.list(50, { lane: "app/blog" }))).toEqual(["a2", "a1"]);
  expect(ids(store.list(50, { lane: "app/blog", before: "a2" }))).toEqual(["a1"]);
  expect(ids(store.list(50, { label: { stack: "quiet" } }))).toEqual(["a3"]);
  expect(
    JSON.stringify(
      journal.query("EXPLAIN QUERY PLAN SELECT row FROM runs WHERE id < ? AND lane = ? ORDER BY id DESC LIMIT 1", ["~", "app/blog"]),
    ),
  ).toContain("runs_by_lane");
});
