import { expect, test } from "bun:test";
import type { Journal } from "../kernel/journal.ts";
import { RunStore } from "../workflow/store.ts";
import { how, Lives, planOf, settled, step } from "./book/book.fake.ts";
import { Retention } from "./retention.ts";

const DAY_MS = 86_400_000;

function retention(lives: Lives, bounds: { keepDays?: number; keep?: number }) {
  const forgotten: string[] = [];
  const options = { keepDays: 30, keep: 1000, ...bounds, journal: lives.journal, clock: lives.clock, log: () => undefined };
  return { forgotten, retention: new Retention({ ...options, onForget: (runs) => void forgotten.push(...runs) }) };
}

function rows(journal: Journal, run: string): number {
  const tables = ["run_steps", "run_plans", "run_checkpoints", "run_signals", "outbox"].map((table) => `SELECT run FROM ${table}`);
  const sql = `SELECT count(*) AS count FROM (${tables.join(" UNION ALL ")} UNION ALL SELECT id FROM runs) WHERE run = ?`;
  return journal.query<{ count: number }>(sql, [run])[0]?.count ?? 0;
}

async function ended(lives: Lives, book: ReturnType<Lives["next"]>["book"]): Promise<string> {
  const { id } = await book.create({ ...planOf(step("a")), webhook: "http://hook" }, how());
  await settled();
  await book.signal(id, "s", 1);
  await book.ledger(id).record(
    [
      { step: "a", event: "begin" },
      { step: "a", event: "finish" },
    ],
    [{ type: "c" }],
  );
  await book.ledger(id).finish({ status: "completed" });
  expect(rows(lives.journal, id)).toBe(6);
  return id;
}

test("runs that ended long ago go with all that is theirs; one that is still under way, and what the other engine has, stay", async () => {
  using lives = new Lives();
  const { book } = lives.next();
  const old = await ended(lives, book);
  const open = await book.create({}, how());
  const late = await book.create({}, how());
  const change = { id: "apply", kind: "apply", lane: "l", status: "completed" as const, input: {}, labels: {}, createdAt: 0 };
  await new RunStore(lives.journal).save(change, "run.completed");
  lives.clock.jumpWall(29 * DAY_MS);
  await book.cancel(late.id);
  lives.clock.jumpWall(2 * DAY_MS);
  const { retention: tidy, forgotten } = retention(lives, {});
  expect(await tidy.sweep()).toBe(1);
  expect(forgotten).toEqual([old]);
  expect(rows(lives.journal, old)).toBe(0);
  expect(lives.journal.read({ topic: `run/${old}` })).toEqual([]);
  for (const id of [open.id, late.id, change.id]) expect(rows(lives.journal, id)).toBeGreaterThan(0);
  expect(await tidy.sweep()).toBe(0);
});

test("of too many the oldest go, in several turns; a cursor from before is told so, and nothing else is left of them", async () => {
  using lives = new Lives();
  const { book } = lives.next();
  const ids: string[] = [];
  for (let n = 0; n < 120; n++) ids.push((await book.cancel((await book.create({}, how())).id)).id);
  const last = lives.journal.read({ topic: `run/${ids[109] ?? ""}` }).at(-1);
  const { retention: tidy, forgotten } = retention(lives, { keep: 10 });
  expect(await tidy.sweep()).toBe(110);
  expect(forgotten).toEqual(ids.slice(0, 110));
  expect(lives.journal.firstAvailable()).toBe((last?.seq ?? 0) + 1);
  expect(lives.journal.query("SELECT topic FROM trimmed")).toHaveLength(1);
});

test("answers that were kept for repeated requests go after a day; once a minute, until it is stopped", async () => {
  using lives = new Lives();
  const { book } = lives.next();
  const insert = "INSERT INTO idempotency (key, row, created_at) VALUES (?, '{}', ?)";
  const now = lives.clock.now();
  await lives.journal.append(
    [],
    [
      { sql: insert, params: ["old", now - DAY_MS - 1] },
      { sql: insert, params: ["new", now] },
    ],
  );
  const { retention: tidy } = retention(lives, { keep: 0 });
  tidy.start();
  const { id } = await book.cancel((await book.create({}, how())).id);
  await lives.pass(60_000);
  await settled();
  expect(lives.journal.query("SELECT key FROM idempotency")).toEqual([{ key: "new" }]);
  expect(rows(lives.journal, id)).toBe(0);
  tidy.stop();
  expect(lives.clock.pendingTimers).toBe(0);
});
