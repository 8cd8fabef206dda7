import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { event, Scratch, seqs, take } from "./journal-fixture.ts";

describe("follow", () => {
  test("gives the backlog, then what comes, until the signal aborts", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a"), event("run/1"), event("stack/a")]);
    const controller = new AbortController();
    const follower = journal.follow({ topic: "stack/a", after: 1, signal: controller.signal });
    expect(await take(follower, 1)).toMatchObject([{ seq: 3, topicSeq: 2 }]);
    const live = take(follower, 2);
    await journal.append([event("run/1"), event("stack/a")]);
    await journal.append([event("stack/a")]);
    expect((await live).map(({ topicSeq }) => topicSeq)).toEqual([3, 4]);
    const last = follower.next();
    controller.abort();
    expect(await last).toEqual({ value: undefined, done: true });
    await journal.append([event("stack/a")]);
    expect((await follower.next()).done).toBe(true);
    expect((await journal.follow({ signal: controller.signal }).next()).done).toBe(true);
  });

  test("by prefix and over everything, `after` is the global seq", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a"), event("run/1"), event("stack/b")]);
    const [stacks, all] = [journal.follow({ topic: "stack/*", after: 1 }), journal.follow({ after: 2 })];
    const both = Promise.all([take(stacks, 2), take(all, 3)]);
    await journal.append([event("run/2"), event("stack/c")]);
    expect((await both).map(seqs)).toEqual([
      [3, 5],
      [3, 4, 5],
    ]);
  });

  test("a cursor above the end waits for what comes after it", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const live = take(journal.follow({ topic: "stack/a", after: 2 }), 1);
    for (let n = 0; n < 3; n++) await journal.append([event("stack/a")]);
    expect(await live).toMatchObject([{ topicSeq: 3 }]);
  });

  test("an abort in mid-page and a `break` end it at once", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append(Array.from({ length: 100 }, () => event("stack/a")));
    const controller = new AbortController();
    let seen = 0;
    for await (const _ of journal.follow({ signal: controller.signal })) if (++seen === 3) controller.abort();
    expect(seen).toBe(3);
    for await (const _ of journal.follow({})) break;
  });

  test("closing the journal ends followers, waiting or not", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("stack/a"), event("stack/a")]);
    const [idle, busy, exact] = [journal.follow({}), journal.follow({}), journal.follow({ topic: "stack/b" })];
    await take(idle, 2);
    await take(busy, 1);
    const waiting = [idle.next(), exact.next()];
    journal.close();
    const results = await Promise.all([...waiting, busy.next(), busy.next()]);
    expect(results.map(({ done }) => done)).toEqual([true, true, true, true]);
  });

  test("several calls of next at once are answered in order", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const follower = journal.follow({});
    const asked = [follower.next(), follower.next(), follower.next()];
    await journal.append([event("a"), event("a")]);
    await journal.append([event("a")]);
    expect((await Promise.all(asked)).map(({ value }) => value?.seq)).toEqual([1, 2, 3]);
  });

  test("a reader that stands still costs no memory: it catches up from disk", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const follower = journal.follow({ topic: "run/1" });
    const first = follower.next();
    const total = 5000;
    for (let n = 0; n < total; n += 250) await journal.append(Array.from({ length: 250 }, (_, i) => event("run/1", n + i)));
    expect((await first).value?.topicSeq).toBe(1);
    const rest = await take(follower, total - 1);
    expect(rest.map(({ topicSeq }) => topicSeq)).toEqual(Array.from({ length: total - 1 }, (_, n) => n + 2));
  });

  test("hundreds of followers each see every event once", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    const followers = Array.from({ length: 300 }, (_, n) => take(journal.follow({ topic: `run/${n % 10}` }), 20));
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 10 }, (_, i) => journal.append([event(`run/${i}`)])));
    for (const events of await Promise.all(followers))
      expect(events.map(({ topicSeq }) => topicSeq)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  test("whatever the interleaving of appends and reads: no gap, no duplicate", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 700 }), topic: fc.constantFrom("a", "b") }) },
      { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 900 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.constantFrom("a", "*", undefined),
        fc.nat({ max: 600 }),
        async (steps, topic, after) => {
          using scratch = new Scratch();
          const journal = scratch.open();
          const follower = journal.follow({ ...(topic && { topic }), after });
          const seen: number[] = [];
          const place = (e: { seq: number; topicSeq: number }) => (topic === "a" ? e.topicSeq : e.seq);
          for (const one of [...steps, { read: 10_000 }]) {
            if ("append" in one) await journal.append(Array.from({ length: one.append }, () => event(one.topic)));
            else
              seen.push(...(await take(follower, Math.min(one.read, journal.head(topic) - Math.max(after, seen.at(-1) ?? 0)))).map(place));
          }
          const end = journal.head(topic);
          expect(seen).toEqual(Array.from({ length: Math.max(0, end - after) }, (_, n) => after + n + 1));
        },
      ),
      { numRuns: 25 },
    );
  });
});
