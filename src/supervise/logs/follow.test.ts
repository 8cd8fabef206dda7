import { expect, test } from "bun:test";
import type { LogQuery, LogRecord } from "./record.ts";
import { Rig } from "./rig.suite.ts";

/** Follows and collects; `until` resolves when so many records have come. */
function follow(rig: Rig, query: LogQuery = {}, services?: string[]) {
  const stop = new AbortController();
  const got: LogRecord[] = [];
  const waiters: { count: number; resolve: () => void }[] = [];
  const done = (async () => {
    const request = { stack: "demo", ...(services && { services }), query: { ...query, follow: true }, signal: stop.signal };
    for await (const record of rig.store.query(request)) {
      got.push(record);
      for (const waiter of waiters) if (got.length >= waiter.count) waiter.resolve();
    }
  })();
  const until = (count: number) =>
    new Promise<void>((resolve) => (got.length >= count ? resolve() : void waiters.push({ count, resolve })));
  return { got, until, done, stop: () => stop.abort() };
}

const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("");

test("backlog, then live, without gap or duplicate, across rotations", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxFileSizeBytes: 8192, maxFiles: 1000 });
  rig.write("i1", lines(0, 500));
  const attachment = rig.attach(log, "i1");
  await rig.look();
  const reader = follow(rig, { tail: 100 });
  await reader.until(100);
  for (let i = 500; i < 3000; i += 250) {
    rig.write("i1", lines(i, i + 250));
    await rig.clock.advance(20);
  }
  await rig.finish(attachment);
  await reader.until(2600);
  reader.stop();
  await reader.done;
  expect(reader.got.map((record) => record.message)).toEqual(Array.from({ length: 2600 }, (_, i) => `line ${400 + i}`));
  expect(reader.got.map((record) => record.seq)).toEqual(Array.from({ length: 2600 }, (_, i) => 401 + i));
});

test("a line is seen within 20 ms while somebody follows, however long it was silent", async () => {
  using rig = new Rig();
  rig.attach(rig.service("api"), "i1");
  await rig.clock.advance(60_000);
  const reader = follow(rig);
  await new Promise(setImmediate);
  rig.write("i1", "now\n");
  await rig.clock.advance(20);
  await reader.until(1);
  reader.stop();
  await reader.done;
});

test("a follower whose segments are removed is told how many lines it missed", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxFileSizeBytes: 4096, maxFiles: 2 });
  const attachment = rig.attach(log, "i1");
  const request = { stack: "demo", query: { follow: true }, signal: new AbortController().signal };
  const reader = rig.store.query(request)[Symbol.asyncIterator]();
  rig.write("i1", lines(0, 3));
  await rig.look();
  const first = await reader.next();
  expect(first.value?.seq).toBe(1);
  rig.write("i1", lines(3, 2000));
  await rig.finish(attachment);
  const rest: LogRecord[] = [];
  while (rest.at(-1)?.seq !== 2000) rest.push((await reader.next()).value as LogRecord);
  await reader.return?.();
  const gap = rest.findIndex((record) => record.seq === 0);
  const after = rest[gap + 1]?.seq ?? 0;
  const before = rest[gap - 1]?.seq ?? 1;
  const dropped = after - before - 1;
  expect(rest[gap]).toMatchObject({ source: "orco", level: "warn", message: `dropped ${dropped} lines`, meta: { dropped }, seq: 0 });
  expect(rest.slice(gap + 1).map((record) => record.seq)).toEqual(Array.from({ length: 2000 - after + 1 }, (_, i) => after + i));
  expect(rig.store.counters()).toEqual([{ stack: "demo", service: "api", lines: 2000, dropped }]);
});

test("it goes on after a restart of the daemon by seq, and joins services that come later", async () => {
  using rig = new Rig();
  const first = rig.attach(rig.service("api"), "i1");
  rig.write("i1", lines(0, 5));
  await rig.look();
  const before = follow(rig);
  await before.until(5);
  rig.reopen();
  await before.done;
  expect(first.last(1).length).toBe(1);
  rig.write("i1", lines(5, 8));
  rig.attach(rig.service("api"), "i1");
  const after = follow(rig, { after: { api: 5 } });
  await rig.look();
  await after.until(3);
  rig.service("web").note({ level: "info", message: "came later", replica: 0 });
  await after.until(4);
  after.stop();
  await after.done;
  expect(after.got.map((record) => record.message)).toEqual(["line 5", "line 6", "line 7", "came later"]);
});
