import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { Journal } from "../kernel/journal.ts";
import { until } from "../../test/until.ts";
import { keepTidy } from "./retention.ts";

const DAY_MS = 86_400_000;
const home = mkdtempSync(join(tmpdir(), "orco-tidy-"));
afterEach(() => rmSync(home, { recursive: true }));

test("what runs of plans and repairs have said stays for as long as they do; what changes of the system have said goes with them", async () => {
  const clock = new FakeClock();
  const journal = Journal.open({ path: join(home, "orco.db"), clock });
  const insert = "INSERT INTO runs (id, kind, lane, status, row, created_at, engine) VALUES (?, ?, 'l', ?, '{}', ?, ?)";
  const runs = [
    ["plan-open", "running", "plan", "k"],
    ["plan-ended", "completed", "plan", "k"],
    ["change-open", "running", "workflow", "k"],
    ["change-ended", "completed", "workflow", "k"],
    ["repair-ended", "completed", "workflow", "repair"],
  ] as const;
  for (const [id, status, engine, kind] of runs)
    await journal.append(
      [{ topic: `run/${id}`, type: "run.pending", data: {} }],
      [{ sql: insert, params: [id, kind, status, clock.now(), engine] }],
    );
  await clock.advance(40 * DAY_MS);
  const stop = keepTidy({ journal, clock, log: () => undefined, eachMinute: () => undefined });
  await clock.advance(60_000);
  const left = () => runs.map(([id]) => journal.read({ topic: `run/${id}` }).length);
  await until("the tidying", () => journal.query("SELECT 1 FROM runs WHERE id = 'change-ended'").length === 0 || undefined);
  expect(left()).toEqual([1, 1, 1, 0, 1]);
  stop();
  journal.close();
});
