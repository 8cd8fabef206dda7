import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import type { LogQuery, LogRecord } from "./record.ts";
import { Rig } from "./rig.suite.ts";

const T0 = Date.UTC(2026, 0, 1);

/** A line a second for each service: `api 0`, `web 0`, `api 1`, … */
async function talk(rig: Rig, seconds: number, services = ["api", "web"]): Promise<void> {
  const attached = services.map((name) => ({ name, attachment: rig.attach(rig.service(name), name) }));
  for (let i = 0; i < seconds; i++) {
    for (const { name } of attached) rig.write(name, i % 10 === 3 ? `ERROR: ${name} ${i}\n` : `${name} ${i}\n`);
    await rig.clock.advance(1000);
  }
  for (const { attachment } of attached) await rig.finish(attachment);
}

test("services are merged by time, service and seq; filters apply to the merged stream", async () => {
  using rig = new Rig();
  await talk(rig, 40);
  const all = await rig.read();
  expect(all.length).toBe(80);
  const keys = all.map((record) => `${record.timestamp} ${record.service} ${String(record.seq).padStart(9, "0")}`);
  expect(keys).toEqual(keys.toSorted());
  expect(await rig.messages({ tail: 3 })).toEqual(all.slice(-3).map((record) => record.message));
  expect(await rig.messages({ level: "error", tail: 3 })).toEqual(["ERROR: web 23", "ERROR: api 33", "ERROR: web 33"]);
  expect(await rig.messages({ grep: "^web 1[0-1]$" })).toEqual(["web 10", "web 11"]);
  expect(await rig.messages({ grep: "api 39", tail: 10 }, ["api"])).toEqual(["api 39"]);
  expect(await rig.messages({ tail: 0 })).toEqual([]);
  expect((await rig.read({ after: { api: 38, web: 39 } })).map((record) => `${record.service}${record.seq}`)).toEqual([
    "api39",
    "api40",
    "web40",
  ]);
});

test("since and until are inclusive, and meet the very records a scan finds", async () => {
  using rig = new Rig();
  await talk(rig, 30);
  const all = await rig.read();
  const times = [T0 - 1, T0, ...all.map((record) => Date.parse(record.timestamp)), T0 + 99_999];
  for (const at of times.filter((_, i) => i % 7 === 0)) {
    for (const shift of [-1, 0, 1]) {
      const edge = at + shift;
      const expected = (test: (ms: number) => boolean) =>
        all.filter((record) => test(Date.parse(record.timestamp))).map((record) => record.message);
      expect(await rig.messages({ sinceMs: edge })).toEqual(expected((ms) => ms >= edge));
      expect(await rig.messages({ untilMs: edge })).toEqual(expected((ms) => ms <= edge));
      expect(await rig.messages({ sinceMs: edge, untilMs: edge + 3000, tail: 4 })).toEqual(
        expected((ms) => ms >= edge && ms <= edge + 3000).slice(-4),
      );
    }
  }
});

test("logs are read from disk after a restart, and of services that nobody attached", async () => {
  using rig = new Rig();
  await talk(rig, 3);
  const before = await rig.read();
  rig.reopen();
  expect(await rig.read()).toEqual(before);
  expect(await rig.messages({}, ["nobody"])).toEqual([]);
  rig.store.remove("demo");
  expect(await rig.read()).toEqual([]);
});

test("a clock that steps back does not make timestamps decrease", async () => {
  using rig = new Rig();
  const log = rig.service("api");
  await rig.run(log, "i1", "before\n");
  rig.clock.jumpWall(-86_400_000);
  await rig.run(log, "i2", "after\n");
  const [first, second] = await rig.read();
  expect(second?.timestamp).toBe(first?.timestamp as string);
});

test("previous shows the last ended run of each replica", async () => {
  using rig = new Rig();
  const log = rig.service("api");
  await rig.run(log, "a1", "oldest\n", 0);
  await rig.run(log, "a2", "last of 0\n", 0);
  await rig.run(log, "b1", "last of 1\n", 1);
  rig.write("a3", "now\n");
  const running = rig.attach(log, "a3", 0);
  await rig.look();
  expect(await rig.messages({ previous: true })).toEqual(["last of 0", "last of 1"]);
  expect(await rig.messages({ previous: true, replica: 1 })).toEqual(["last of 1"]);
  await rig.finish(running);
  expect(await rig.messages({ previous: true, replica: 0 })).toEqual(["now"]);
});

test("lines of one start are only its own, also while what ran before it is still being read", async () => {
  using rig = new Rig();
  const log = rig.service("api");
  rig.write("a1", "before\n");
  rig.attach(log, "a1", 0);
  rig.write("a2", "now\n");
  rig.attach(log, "a2", 0);
  await rig.look();
  rig.write("a1", "late\n");
  await rig.look();
  expect(await rig.messages({ instance: "a2" })).toEqual(["now"]);
  expect(await rig.messages({ instance: "a2", tail: 2 })).toEqual(["now"]);
  expect(await rig.messages({ instance: "a3" })).toEqual([]);
});

test("a run whose end the daemon did not live to note counts once a later one took its replica", async () => {
  using rig = new Rig();
  rig.write("a1", "first\n");
  rig.attach(rig.service("api"), "a1");
  await rig.look();
  rig.reopen();
  expect(await rig.messages({ previous: true })).toEqual([]);
  rig.write("a2", "second\n");
  rig.attach(rig.service("api"), "a2");
  await rig.look();
  expect(await rig.messages({ previous: true })).toEqual(["first"]);
});

test("a bad name, pattern or level is refused at once", () => {
  using rig = new Rig();
  const ask = (stack: string, query: LogQuery, services?: string[]) => () =>
    rig.store.query({ stack, ...(services && { services }), query, signal: new AbortController().signal });
  for (const refused of [
    ask("../etc", {}),
    ask("demo", {}, ["a/b"]),
    ask("demo", { grep: "(" }),
    ask("demo", { grep: "(?=x)" }),
    ask("demo", { level: "loud" }),
  ]) {
    expect(refused).toThrow(OrcoError);
  }
  expect(() => rig.service("..")).toThrow(OrcoError);
});

test("an instance's newest records are at hand, also after a restart", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxFileSizeBytes: 8192 });
  const text = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join("");
  rig.write("i1", text);
  let attachment = rig.attach(log, "i1");
  await rig.look();
  await rig.run(log, "i2", "other\n", 1);
  const shown = () => attachment.last(3).map((record: LogRecord) => record.message);
  expect(shown()).toEqual(["line 97", "line 98", "line 99"]);
  expect(attachment.last(100).length).toBe(20);
  rig.reopen();
  attachment = rig.attach(rig.service("api"), "i1");
  expect(shown()).toEqual(["line 97", "line 98", "line 99"]);
});

test("who names the seq he has read up to gets all that came after it, however old its time is", async () => {
  using rig = new Rig();
  await talk(rig, 10);
  const sinceMs = T0 + 1_000_000;
  expect(await rig.messages({ after: { api: 8 }, sinceMs })).toEqual(["api 8", "api 9"]);
  expect(await rig.messages({ after: { api: 99 }, sinceMs })).toEqual([]);
});

test("a rare line is found backwards too, behind thousands of batches of others", async () => {
  using rig = new Rig();
  const log = rig.service("api");
  log.note({ level: "info", message: "the needle", replica: 0 });
  for (let i = 0; i < 5000; i++) log.note({ level: "info", message: `hay ${i}`, replica: 0 });
  expect(await rig.messages({ grep: "needle", tail: 5 })).toEqual(["the needle"]);
  expect(await rig.messages({ grep: "needle" })).toEqual(["the needle"]);
});
