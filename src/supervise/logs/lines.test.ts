import { expect, test } from "bun:test";
import { utimesSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import { type Cut, cut, MAX_LINE_BYTES } from "./cut.ts";
import { Redactor } from "./redact.ts";
import { Rig } from "./rig.suite.ts";

const SECRET = "top-secret";
const fragment = fc.oneof(
  fc.constantFrom("\n", "\r\n", "\r", "\0", "\u2028", '{"level":"warn","msg":"j"}', "[ERROR] e", "ä€😀", SECRET, "\ufeff", '"\\'),
  fc.string({ maxLength: 12 }),
);
const bytes = fc
  .array(fc.oneof({ weight: 5, arbitrary: fragment.map((text) => Buffer.from(text)) }, fc.uint8Array({ maxLength: 4 })), { maxLength: 40 })
  .map((parts) => Buffer.concat(parts));

async function recordsOf(parts: readonly Uint8Array[]): Promise<string[]> {
  using rig = new Rig();
  const log = rig.service("api", {}, [SECRET]);
  const attachment = rig.attach(log, "i1");
  for (const part of parts) {
    rig.write("i1", part);
    await rig.clock.advance(20);
  }
  await rig.finish(attachment);
  return (await rig.read()).map(({ timestamp: _when, ...rest }) => JSON.stringify(rest));
}

test("however the bytes are split into writes, the records are the same", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat({ max: 400 }), { maxLength: 6 }), async (all, points) => {
      const at = [...new Set(points.map((point) => Math.min(point, all.length)))].toSorted((a, b) => a - b);
      const parts = [...at, all.length].map((end, i) => all.subarray(at[i - 1] ?? 0, end));
      const whole = await recordsOf([all]);
      expect(await recordsOf(parts)).toEqual(whole);
      expect(whole.join("")).not.toContain(SECRET);
    }),
    { numRuns: 120 },
  );
});

test("each line is a record: CR stripped, NUL kept, bad UTF-8 replaced, the last one without line break kept", async () => {
  using rig = new Rig();
  const text = Buffer.concat([Buffer.from("one\r\n\n\0two\nh"), Buffer.from([0xe2, 0x82, 0x0a, 0xff]), Buffer.from("end")]);
  await rig.run(rig.service("api"), "i1", text);
  expect(await rig.messages()).toEqual(["one", "", "\0two", "h\ufffd", "\ufffdend"]);
  expect((await rig.read()).map((record) => record.seq)).toEqual([1, 2, 3, 4, 5]);
});

test("a line longer than 1 MiB becomes several records, in one piece after the other", async () => {
  using rig = new Rig();
  const long = "€".repeat(1_000_000); // 3,000,000 bytes: the border falls inside a character
  await rig.run(rig.service("api"), "i1", `before\n${long}\nafter\n`);
  const records = await rig.read();
  expect(records.map((record) => record.meta)).toEqual([
    undefined,
    { partial: true },
    { partial: true },
    { partial: true, last: true },
    undefined,
  ]);
  expect(
    records
      .slice(1, -1)
      .map((record) => record.message)
      .join("") === long,
  ).toBe(true);
  for (const { message } of records) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(MAX_LINE_BYTES);
});

test("a long line that grows slowly, over a restart of the daemon in the middle, is the same as at once", async () => {
  using rig = new Rig();
  let attachment = rig.attach(rig.service("api"), "i1");
  const part = "x".repeat(300_000);
  for (let i = 0; i < 8; i++) {
    rig.write("i1", part);
    await rig.look();
    if (i === 5) {
      rig.reopen();
      attachment = rig.attach(rig.service("api"), "i1");
    }
  }
  rig.write("i1", "end\r\nnext");
  await rig.finish(attachment);
  const records = await rig.read();
  expect(records.map((record) => [record.message.length, record.meta])).toEqual([
    [MAX_LINE_BYTES, { partial: true }],
    [MAX_LINE_BYTES, { partial: true }],
    [8 * 300_000 + 3 - 2 * MAX_LINE_BYTES, { partial: true, last: true }],
    [4, undefined],
  ]);
});

test("what is cut off does not depend on how much was read", () => {
  const options = { midline: false, final: false, redactor: new Redactor(["x".repeat(20)]) };
  for (const length of [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 24, MAX_LINE_BYTES + 25]) {
    const line = Buffer.alloc(length + 2, 0x61);
    line[length] = 13;
    line[length + 1] = 10;
    const all: Cut = cut(line, options);
    for (let seen = length - 30; seen < line.length; seen++) {
      const some = cut(line.subarray(0, seen), options);
      if (some.kind !== "wait") expect<Cut>(some).toEqual(all);
    }
    expect(all.kind).toBe(length > MAX_LINE_BYTES ? "piece" : "lines");
  }
});

test("a service that opens /dev/stdout anew cuts its spool off; what it says from then on is there, over a restart of the daemon too", async () => {
  using rig = new Rig();
  let log = rig.service("cut");
  let attachment = rig.attach(log, "i1");
  let saidAt = 1000;
  const say = async (text: string): Promise<void> => {
    writeFileSync(rig.spool("i1"), text);
    // A file system counts in milliseconds; services are slower than this test.
    utimesSync(rig.spool("i1"), saidAt, saidAt++);
    await rig.look();
  };
  rig.write("i1", "one\n");
  await rig.look();
  await say("two\n");
  await say("three and more\n");
  await say("4\n");
  rig.write("i1", "five\n");
  await rig.look();
  rig.reopen();
  log = rig.service("cut");
  attachment = rig.attach(log, "i1");
  await say("six\n");
  await rig.finish(attachment);
  expect(await rig.messages()).toEqual(["one", "two", "three and more", "4", "five", "six"]);
  expect(rig.errors.map(({ message }) => message).every((message) => message.includes("was cut off"))).toBe(true);
});
