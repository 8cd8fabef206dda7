import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Audit, type NewAudit } from "./audit.ts";
import { verifyAudit, verifyAuditFile } from "./audit-verify.ts";
import { OrcoError } from "./errors.ts";
import type { JsonObject } from "./event.ts";
import type { Journal } from "./journal.ts";
import { event, refused, Scratch } from "./journal-fixture.ts";

const record = (n: number, facts: JsonObject = {}): NewAudit => ({
  at: Date.UTC(2026, 0, n),
  actor: "alice",
  action: "repair.approved",
  subject: `run/${n}`,
  facts,
});

function verdictOf(journal: Journal) {
  return verifyAudit((sql, params) => journal.query(sql, params));
}

async function written(scratch: Scratch, count: number): Promise<Journal> {
  const journal = scratch.open();
  const audit = new Audit(journal);
  for (let n = 1; n <= count; n++) await audit.append(record(n, { plan_hash: "ab".repeat(3), n }));
  return journal;
}

/** The number at which it breaks; 0 where it holds. */
function breaksAt(scratch: Scratch): number {
  try {
    verifyAuditFile(scratch.path);
    return 0;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "audit_broken") return Number(error.facts["seq"]);
    throw error;
  }
}

/** Somebody with a tool for databases. */
function tamper(scratch: Scratch, ...statements: readonly (readonly [string, ...(string | number)[]])[]): void {
  const db = new Database(scratch.path);
  for (const [sql, ...params] of statements) db.prepare(sql).run(...params);
  db.close();
}

test("each record carries the hash of the one before it, and the newest are listed first", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  const audit = new Audit(journal);
  const [first] = await audit.append(record(1, { comment: "fine" }));
  expect(first).toMatchObject({ topic: "audit", type: "repair.approved", topicSeq: 1 });
  await Promise.all([audit.append(record(2)), audit.append(record(3))]);
  const [three, two, one] = audit.list({ limit: 10 });
  expect([three?.subject, two?.subject, one?.subject]).toEqual(["run/3", "run/2", "run/1"]);
  expect(one).toMatchObject({ seq: 1, at: "2026-01-01T00:00:00.000Z", actor: "alice", facts: { comment: "fine" }, prev: "0".repeat(64) });
  expect([two?.prev, three?.prev]).toEqual([one?.hash, two?.hash] as string[]);
  expect(audit.list({ limit: 10, before: 2 })).toEqual([one] as never);
  expect(verdictOf(journal)).toEqual({ records: 3, head: three?.hash ?? "" });
});

test("a log that is still empty holds; one that a new daemon goes on with holds too", async () => {
  using scratch = new Scratch();
  const journal = await written(scratch, 0);
  expect(verdictOf(journal)).toMatchObject({ records: 0 });
  await new Audit(journal).append(record(1));
  journal.close();
  const again = scratch.open();
  await new Audit(again).append(record(2));
  expect(verdictOf(again).records).toBe(2);
  expect(verifyAuditFile(scratch.path)).toEqual(verdictOf(again));
});

test("a record is on disk with what it is about, or neither is; and one that was refused leaves no gap", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  const audit = new Audit(journal);
  const put = (key: string) => ({ sql: "INSERT INTO meta (key, value) VALUES (?, 'v')", params: [key] });
  const done = await Promise.allSettled([
    audit.append(record(1), [event("run/1")], [put("decided")]),
    audit.append(record(2), [event("run/2")], [put("decided")]),
    audit.append(record(3)),
  ]);
  expect(done.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(audit.list({ limit: 10 }).map(({ subject }) => subject)).toEqual(["run/3", "run/1"]);
  expect([journal.head("run/1"), journal.head("run/2")]).toEqual([1, 0]);
  expect(verdictOf(journal).records).toBe(2);
});

test("its row has the time of what was done, however late it is written", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  const audit = new Audit(journal);
  const at = scratch.clock.now() + 0.5;
  scratch.clock.jumpWall(86_400_000);
  const [stored, along] = await audit.append({ ...record(1), at }, [event("run/1")]);
  expect([stored?.ts, along?.ts]).toEqual([Math.trunc(at), Math.trunc(scratch.clock.now())]);
  expect(journal.read({ topic: "audit" })[0]?.ts).toBe(Math.trunc(at));
  expect(verdictOf(journal).records).toBe(1);
});

test("so many wait at most", async () => {
  using scratch = new Scratch();
  const audit = new Audit(scratch.open());
  const first = Array.from({ length: 1000 }, (_, n) => audit.append(record(n)));
  expect((await refused(() => audit.append(record(0)))).code).toBe("unavailable");
  await Promise.all(first);
});

test("any flipped bit of any record is found, at that record", async () => {
  using scratch = new Scratch();
  const journal = await written(scratch, 4);
  const rows = journal.query<{ seq: number; data: string }>(
    "SELECT topic_seq AS seq, seq AS place, type, ts, data FROM events ORDER BY seq",
  );
  const chance = fc.record({ row: fc.nat(3), at: fc.nat(10_000), bit: fc.nat(6) });
  fc.assert(
    fc.property(chance, ({ row, at, bit }) => {
      const { seq = 0, data = "" } = rows[row] ?? {};
      const bytes = Buffer.from(data);
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ (1 << bit);
      const flipped = rows.map((one) => (one.seq === seq ? { ...one, data: bytes.toString() } : one));
      const query = (sql: string) => (sql.includes("events") ? flipped : journal.query("SELECT value FROM meta WHERE key = 'audit_head'"));
      let found: unknown;
      try {
        verifyAudit(query);
      } catch (error) {
        found = error;
      }
      expect(found).toMatchObject({ code: "audit_broken", facts: { seq } });
    }),
  );
});

test("a record that was removed, moved, put in or written anew is found, the last one too, in a file that no daemon has open", async () => {
  const cases: readonly (readonly [string, readonly (readonly [string, ...(string | number)[]])[], number])[] = [
    ["the first removed", [["DELETE FROM events WHERE topic_seq = 1"]], 1],
    ["one removed", [["DELETE FROM events WHERE topic_seq = 3"]], 3],
    [
      "one removed and the rest moved up",
      [["DELETE FROM events WHERE topic_seq = 3"], ["UPDATE events SET topic_seq = topic_seq - 1 WHERE topic_seq > 3"]],
      3,
    ],
    ["the last removed", [["DELETE FROM events WHERE topic_seq = 5"]], 5],
    ["all removed", [["DELETE FROM events"]], 1],
    ["the end removed, and the note", [["DELETE FROM meta"], ["DELETE FROM events WHERE topic_seq > 2"]], 2],
    [
      "two swapped",
      [
        ["UPDATE events SET topic_seq = 9 WHERE topic_seq = 2"],
        ["UPDATE events SET topic_seq = 2 WHERE topic_seq = 3"],
        ["UPDATE events SET topic_seq = 3 WHERE topic_seq = 9"],
      ],
      2,
    ],
    ["one put in at the end", [["INSERT INTO events SELECT 99, topic, 6, type, ts, data FROM events WHERE topic_seq = 5"]], 6],
    ["another type", [["UPDATE events SET type = 'repair.rejected' WHERE topic_seq = 4"]], 4],
    ["another time", [["UPDATE events SET ts = ts + 1000 WHERE topic_seq = 4"]], 4],
    ["a time that is a millisecond off", [["UPDATE events SET ts = ts - 1 WHERE topic_seq = 1"]], 1],
    ["another topic", [["UPDATE events SET topic = 'other' WHERE topic_seq = 2"]], 2],
    ["another place among all events", [["UPDATE events SET seq = 99 WHERE topic_seq = 2"]], 3],
    ["another actor", [["UPDATE events SET data = replace(data, 'alice', 'mallo') WHERE topic_seq = 2"]], 2],
    ["untouched", [], 0],
  ];
  for (const [what, statements, seq] of cases) {
    using scratch = new Scratch();
    (await written(scratch, 5)).close();
    tamper(scratch, ...statements);
    expect([what, breaksAt(scratch)]).toEqual([what, seq]);
  }
});

test("a log that was cut shows it for good, also when more is written to it", async () => {
  using scratch = new Scratch();
  (await written(scratch, 3)).close();
  tamper(scratch, ["DELETE FROM events WHERE topic_seq = 3"]);
  await new Audit(scratch.open()).append(record(4));
  expect(breaksAt(scratch)).toBe(3);
});

test("retention takes nothing of it", async () => {
  using scratch = new Scratch();
  const journal = await written(scratch, 3);
  await journal.append([event("auditor"), event("stack/a")]);
  scratch.clock.jumpWall(400 * 86_400_000);
  expect(await journal.trim({ olderThanMs: 1, keepPerTopic: 0 })).toBe(2);
  expect(await journal.trim({ topicPrefix: "audit", keepPerTopic: 0 })).toBe(0);
  expect(verdictOf(journal).records).toBe(3);
});

test("a file that is no journal is told so", async () => {
  using scratch = new Scratch();
  expect((await refused(() => verifyAuditFile(scratch.path))).code).toBe("not_found");
  await Bun.write(scratch.path, "x".repeat(5000));
  expect((await refused(() => verifyAuditFile(scratch.path))).code).toBe("journal_corrupt");
});
