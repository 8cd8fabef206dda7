import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import * as fc from "fast-check";
import type { JsonObject } from "./event.ts";
import type { Committed } from "./journal-commit.ts";
import { event, refused, Scratch, seqs } from "./journal-fixture.ts";

const PUT_META = "INSERT INTO meta (key, value) VALUES (?, ?)";

describe("append", () => {
  test("gives both numbers, the time, and what was stored", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const ts = scratch.clock.now();
    expect(await journal.append([event("stack/a", 7), event("run/1")])).toEqual([
      { seq: 1, topic: "stack/a", topicSeq: 1, type: "test.event", ts, data: { n: 7 } },
      { seq: 2, topic: "run/1", topicSeq: 1, type: "test.event", ts, data: { n: 0 } },
    ]);
    expect(await journal.append([event("stack/a")])).toMatchObject([{ seq: 3, topicSeq: 2 }]);
    expect([journal.head(), journal.head("stack/a"), journal.head("run/*"), journal.head("stack/none")]).toEqual([3, 2, 3, 0]);
    expect(await journal.append([])).toEqual([]);
  });

  test("what arrives in one turn is one transaction of at most 256 events", async () => {
    using scratch = new Scratch();
    const commits: Committed[] = [];
    const journal = scratch.open({ onCommit: (committed) => commits.push(committed) });
    const appended = await Promise.all(Array.from({ length: 600 }, (_, n) => journal.append([event(`run/${n % 7}`, n)])));
    expect(commits.map(({ events, appends }) => [events.length, appends])).toEqual([
      [256, 256],
      [256, 256],
      [88, 88],
    ]);
    expect(seqs(appended.flat())).toEqual(Array.from({ length: 600 }, (_, n) => n + 1));
    const large = Array.from({ length: 1000 }, (_, n) => event("run/large", n));
    expect((await journal.append(large)).length).toBe(1000);
    expect(commits.at(-1)?.events.length).toBe(1000);
  });

  test("row writes are committed with their events", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a")], [{ sql: PUT_META, params: ["k", "v"] }]);
    await journal.append([], [{ sql: PUT_META, params: ["alone", "v"] }]);
    expect(journal.query("SELECT key, value FROM meta ORDER BY key")).toEqual([
      { key: "alone", value: "v" },
      { key: "k", value: "v" },
    ]);
    expect(journal.query<{ n: number }>("SELECT count(*) AS n FROM meta WHERE key = ?", ["k"])).toEqual([{ n: 1 }]);
  });

  test("faulty writes reject their own append and leave no trace; its neighbours are committed without a gap", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a")], [{ sql: PUT_META, params: ["taken", "first"] }]);
    const good = (key: string) => journal.append([event("stack/a")], [{ sql: PUT_META, params: [key, "v"] }]);
    const results = await Promise.allSettled([
      good("one"),
      journal.append(
        [event("stack/a"), event("stack/new")],
        [
          { sql: PUT_META, params: ["two", "v"] },
          { sql: PUT_META, params: ["taken", "x"] },
        ],
      ),
      journal.append([event("stack/a")], [{ sql: "INSERT INTO nowhere VALUES (1)", params: [] }]),
      journal.append([event("stack/a")], [{ sql: PUT_META, params: ["too few"] }]),
      good("three"),
      journal.append([event("stack/new")]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "rejected", "fulfilled", "fulfilled"]);
    expect(results[1]).toMatchObject({
      reason: { code: "internal", message: expect.stringContaining("UNIQUE constraint failed: meta.key") },
    });
    expect(journal.read({}).map(({ seq, topic, topicSeq }) => [seq, topic, topicSeq])).toEqual([
      [1, "stack/a", 1],
      [2, "stack/a", 2],
      [3, "stack/a", 3],
      [4, "stack/new", 1],
    ]);
    expect(journal.query<{ key: string }>("SELECT key FROM meta ORDER BY key").map(({ key }) => key)).toEqual(["one", "taken", "three"]);
  });

  test("a write that would end the transaction, and an event without a name, are refused before they reach it", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    for (const sql of ["COMMIT", " rollback", "PRAGMA user_version = 9", "DROP TABLE events", ""]) {
      expect((await refused(() => journal.append([event("stack/a")], [{ sql, params: [] }]))).code).toBe("internal");
    }
    for (const topic of ["", "stack/*"]) expect((await refused(() => journal.append([event(topic)]))).code).toBe("internal");
    const cyclic: Record<string, JsonObject> = {};
    cyclic["self"] = cyclic;
    expect(journal.append([{ topic: "stack/a", type: "x", data: cyclic }])).rejects.toThrow();
    expect(journal.head()).toBe(0);
  });

  test("a clock that goes back changes ts, never the order", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const [first] = await journal.append([event("stack/a")]);
    scratch.clock.jumpWall(-86_400_000);
    const [second] = await journal.append([event("stack/a")]);
    expect(second?.ts).toBe((first?.ts ?? 0) - 86_400_000);
    expect(seqs(journal.read({ topic: "stack/a" }))).toEqual([1, 2]);
  });

  test("another program that writes in between costs nothing: the numbers go on after its own", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a")]);
    const intruder = new Database(scratch.path);
    intruder.run("INSERT INTO events VALUES (2, 'stack/a', 2, 'x', 0, '{}')");
    intruder.close();
    expect(await journal.append([event("stack/a")])).toMatchObject([{ seq: 3, topicSeq: 3 }]);
    expect(await journal.append([event("stack/a")])).toMatchObject([{ seq: 4, topicSeq: 4 }]);
  });

  test("any data comes back as it was", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), fc.string({ unit: "binary", minLength: 1 }), async (value, type) => {
        const data: JsonObject = JSON.parse(JSON.stringify(value));
        const [stored] = await journal.append([{ topic: "run/1", type, data }]);
        expect(journal.read({ topic: "run/1", after: (stored?.topicSeq ?? 0) - 1 })).toEqual([{ ...stored, type, data }] as never);
      }),
      { numRuns: 50 },
    );
  });
});

describe("read", () => {
  test("pages by topic, prefix or everything, oldest first", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    for (let n = 0; n < 6; n++) await journal.append([event(["stack/a", "run/1", "stack/b"][n % 3] ?? "", n)]);
    expect(seqs(journal.read({}))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(seqs(journal.read({ after: 2, limit: 3 }))).toEqual([3, 4, 5]);
    expect(seqs(journal.read({ topic: "*", after: 5 }))).toEqual([6]);
    expect(journal.read({ topic: "stack/b" }).map(({ seq, topicSeq }) => [seq, topicSeq])).toEqual([
      [3, 1],
      [6, 2],
    ]);
    expect(seqs(journal.read({ topic: "stack/b", after: 1 }))).toEqual([6]);
    expect(seqs(journal.read({ topic: "stack/*", after: 1 }))).toEqual([3, 4, 6]);
    expect(seqs(journal.read({ topic: "stack" }))).toEqual([]);
  });

  test("a page has 500 events unless the query says otherwise", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append(Array.from({ length: 700 }, (_, n) => event("run/1", n)));
    expect(journal.read({}).length).toBe(500);
    expect(journal.read({ limit: 1000 }).length).toBe(700);
  });

  test("data that is damaged on disk is an error, not a wrong event", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("run/1")]);
    const other = new Database(scratch.path);
    other.run("UPDATE events SET data = '{'");
    other.close();
    expect(await refused(() => journal.read({}))).toMatchObject({ code: "journal_corrupt", facts: { file: scratch.path } });
  });

  test("wrong SQL of a projection is internal", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    expect((await refused(() => journal.query("SELECT * FROM nowhere"))).code).toBe("internal");
  });
});

describe("close and open again", () => {
  test("numbers go on; the write-ahead log is folded in", async () => {
    using scratch = new Scratch();
    const first = scratch.open();
    await first.append([event("stack/a"), event("run/1")]);
    first.close();
    expect(readdirSync(scratch.folder)).toEqual(["orco.db"]);
    const again = scratch.open();
    expect(seqs(again.read({}))).toEqual([1, 2]);
    expect(await again.append([event("stack/a")])).toMatchObject([{ seq: 3, topicSeq: 2 }]);
  });

  test("what waits is committed on close; later calls are refused", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const waiting = journal.append([event("stack/a")]);
    journal.close();
    expect(await waiting).toMatchObject([{ seq: 1 }]);
    expect((await refused(() => journal.append([event("stack/a")]))).code).toBe("unavailable");
    for (const use of [
      () => journal.read({}),
      () => journal.head(),
      () => journal.firstAvailable(),
      () => journal.query("SELECT 1"),
      () => journal.trim({}),
    ]) {
      expect((await refused(use)).code).toBe("unavailable");
    }
    journal.close();
    expect(seqs(scratch.open().read({}))).toEqual([1]);
  });
});
