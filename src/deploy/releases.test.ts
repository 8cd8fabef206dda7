import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../kernel/clock.ts";
import { Journal } from "../kernel/journal.ts";
import type { RunRow } from "../workflow/run.ts";
import { RunStore } from "../workflow/store.ts";
import { parseContract } from "./contract-schema.ts";
import type { AppRow, Release } from "./record.ts";
import { releasesOf } from "./releases.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-releases-"));
const journal = Journal.open({ path: join(dir, "orco.db"), clock: systemClock(), log: () => undefined });
const runs = new RunStore(journal);
const contract = parseContract({ start_command: "app", port: 3001, internal_port: 3901 }, "");

afterAll(() => {
  journal.close();
  rmSync(dir, { recursive: true });
});

async function deployed(id: string, status: RunRow["status"], commit: string): Promise<void> {
  const row: RunRow = { id, kind: "deploy", lane: "app/blog", status, input: {}, labels: { app: "blog" }, createdAt: 1 };
  await runs.save(row, "run.queued");
  await runs.saveStep(row, { name: "resolve", status: "completed", result: { commit, subject: `subject of ${commit}`, slot: "blue" } });
}

function release(run: string, commit: string): Release {
  return { run, commit, subject: commit, contract, byOperator: false, promoted: { at: 1, run, by: "deploy" } };
}

test("what is live and what can be gone back to is listed, however old its run is; the others by page", async () => {
  await deployed("r3", "completed", "c3");
  await deployed("r4", "failed", "c4");
  const row: AppRow = {
    name: "blog",
    repo: "/srv/blog",
    contract: null,
    createdAt: 0,
    updatedAt: 0,
    slots: { blue: release("r3", "c3"), green: release("r1", "c1") },
    live: "green",
    previous: "blue",
  };
  const seen = (page: { limit: number; before?: string }): string[] =>
    releasesOf(runs, row, page).map(({ run, state }) => `${run} ${state}`);
  expect(seen({ limit: 50 })).toEqual(["r4 failed", "r3 previous", "r1 live"]);
  expect(seen({ limit: 2 })).toEqual(["r4 failed", "r3 previous"]);
  expect(seen({ limit: 2, before: "r3" })).toEqual(["r1 live"]);
  expect(seen({ limit: 2, before: "r1" })).toEqual([]);
});

test("an app that is added anew begins without the releases of the former one of its name", () => {
  const row: AppRow = { name: "blog", repo: "/srv/blog", contract: null, createdAt: 2, updatedAt: 2, slots: {} };
  expect(releasesOf(runs, row, { limit: 50 })).toEqual([]);
});
