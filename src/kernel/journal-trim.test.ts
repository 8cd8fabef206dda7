import { expect, test } from "bun:test";
import { event, Scratch, seqs, take } from "./journal-fixture.ts";

const DAY_MS = 86_400_000;

test("keeps the newest of each topic; numbers go on, across a restart too", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  for (let n = 0; n < 5; n++) await journal.append([event("stack/a"), event("run/1")]);
  expect(await journal.trim({ keepPerTopic: 2, topicPrefix: "stack/" })).toBe(3);
  expect(journal.read({ topic: "stack/a" }).map(({ topicSeq }) => topicSeq)).toEqual([4, 5]);
  expect([journal.firstAvailable("stack/a"), journal.firstAvailable("run/1"), journal.firstAvailable("run/*")]).toEqual([4, 1, 1]);
  expect([journal.firstAvailable("stack/*"), journal.firstAvailable()]).toEqual([6, 6]);
  expect(await journal.trim({ keepPerTopic: 0 })).toBe(7);
  expect([journal.head(), journal.head("stack/a"), journal.firstAvailable("stack/a"), journal.firstAvailable()]).toEqual([10, 5, 6, 11]);
  journal.close();
  const again = scratch.open();
  expect(again.head("run/1")).toBe(5);
  expect(await again.append([event("stack/a")])).toMatchObject([{ seq: 11, topicSeq: 6 }]);
});

test("removes by age, and what is both too old and too many when both are given", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  for (let day = 0; day < 10; day++) {
    await journal.append([event("stack/a"), event("stack/b")]);
    await scratch.clock.advance(DAY_MS);
  }
  expect(await journal.trim({ olderThanMs: 5 * DAY_MS, topicPrefix: "stack/a" })).toBe(5);
  expect(await journal.trim({ olderThanMs: 5 * DAY_MS, keepPerTopic: 8 })).toBe(2);
  expect(await journal.trim({ olderThanMs: 20 * DAY_MS, keepPerTopic: 0 })).toBe(0);
  expect(await journal.trim({})).toBe(0);
  expect([journal.firstAvailable("stack/a"), journal.firstAvailable("stack/b")]).toEqual([6, 3]);
});

test("an old event behind a younger one stays: a topic never gets a hole", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  scratch.clock.jumpWall(10 * DAY_MS);
  await journal.append([event("stack/a")]);
  scratch.clock.jumpWall(-10 * DAY_MS);
  await journal.append([event("stack/a")]);
  await scratch.clock.advance(5 * DAY_MS);
  expect(await journal.trim({ olderThanMs: DAY_MS })).toBe(0);
});

test("works in small batches over many topics and lets appends in between", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  for (let run = 0; run < 500; run++) void journal.append(Array.from({ length: 5 }, () => event(`run/${run}`)));
  await journal.append([event("stack/a")]);
  const trimming = journal.trim({ keepPerTopic: 1, topicPrefix: "run/", batch: 7 });
  const left = () => journal.query<{ n: number }>("SELECT count(*) AS n FROM events WHERE topic LIKE 'run/%'")[0]?.n;
  const seen = new Set<number | undefined>();
  for (let turn = 0; turn < 200; turn++) {
    await journal.append([event("stack/a")]);
    seen.add(left());
  }
  // 2,000 events in batches of 7 take 286 turns.
  expect(seen.size).toBeGreaterThan(150);
  expect(await trimming).toBe(2000);
  expect(left()).toBe(500);
});

test("a follower whose cursor was trimmed goes on with the first event there is", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  await journal.append(Array.from({ length: 2000 }, () => event("stack/a")));
  const [behind, slow] = [journal.follow({ topic: "stack/a", after: 3 }), journal.follow({})];
  expect(seqs(await take(slow, 1))).toEqual([1]);
  await journal.trim({ keepPerTopic: 10 });
  expect(await take(behind, 1)).toMatchObject([{ topicSeq: journal.firstAvailable("stack/a") }]);
  const rest = seqs(await take(slow, 509));
  expect(rest.slice(0, 499)).toEqual(Array.from({ length: 499 }, (_, n) => n + 2));
  expect(rest.slice(499)).toEqual(Array.from({ length: 10 }, (_, n) => 1991 + n));
});

test("closing the journal stops it between two batches", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  await journal.append(Array.from({ length: 100 }, () => event("stack/a")));
  const trimming = journal.trim({ keepPerTopic: 0, batch: 10 });
  journal.close();
  expect(await trimming).toBe(10);
});
