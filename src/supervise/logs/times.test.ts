import { expect, test } from "bun:test";
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import type { Attachment } from "./attachment.ts";
import { groupsOf } from "./groups.ts";
import { loadPunch } from "./punch.ts";
import { Rig } from "./rig.suite.ts";
import { Times, timesPath, TimesWriter } from "./times.ts";

const STREAMS = ["stdout", "stderr"] as const;

/** Writes lines as the docker runtime does: the time of a line first, then its bytes. */
class Docker {
  readonly said: { readonly text: string; readonly ms: number; readonly whole: boolean }[] = [];
  private readonly writers = new Map<string, TimesWriter>();
  private readonly open = new Map<string, string>();

  constructor(private readonly rig: Rig) {}

  attach(instance = "i1", replica = 0): Attachment {
    const spools = { stdout: this.rig.spool(instance), stderr: this.rig.spool(instance, "stderr"), timed: true };
    return this.rig.service("api", { maxFileSizeBytes: 4096, maxFiles: 10_000 }).attach({ instance, replica, spools });
  }

  say(source: (typeof STREAMS)[number], text: string, { whole = true, instance = "i1" } = {}): void {
    const spool = this.rig.spool(instance, source);
    const writer = this.writers.get(spool) ?? new TimesWriter(spool);
    this.writers.set(spool, writer);
    const rest = this.open.get(spool);
    writer.note(sizeOf(spool) + (rest === undefined ? 0 : rest.length), this.rig.clock.now());
    if (rest !== undefined) appendFileSync(spool, rest);
    this.open.delete(spool);
    const cut = whole ? text.length + 1 : text.length >> 1;
    appendFileSync(spool, `${text}\n`.slice(0, cut));
    if (!whole) this.open.set(spool, `${text}\n`.slice(cut));
    this.said.push({ text, ms: this.rig.clock.now(), whole });
  }

  /** The daemon is killed: after it noted a time, before it wrote the bytes. */
  crash(source: (typeof STREAMS)[number], torn: number): void {
    for (const writer of this.writers.values()) writer.close();
    this.writers.clear();
    const spool = this.rig.spool("i1", source);
    const entry = Buffer.alloc(16 + torn, 1);
    entry.writeBigUInt64LE(BigInt(sizeOf(spool)), 0);
    entry.writeDoubleLE(1, 8);
    appendFileSync(timesPath(spool), entry);
    for (const each of STREAMS) this.writers.set(this.rig.spool("i1", each), new TimesWriter(this.rig.spool("i1", each)));
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

type Step =
  | { readonly do: "say"; readonly source: (typeof STREAMS)[number]; readonly whole: boolean; readonly after: number }
  | { readonly do: "look" }
  | { readonly do: "reopen" }
  | { readonly do: "crash"; readonly source: (typeof STREAMS)[number]; readonly torn: number };

const source = fc.constantFrom(...STREAMS);
const stepOf = (whole: fc.Arbitrary<boolean>): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: fc.record({ do: fc.constant("say" as const), source, whole, after: fc.nat({ max: 3 }) }) },
    { weight: 2, arbitrary: fc.constantFrom<Step>({ do: "look" }, { do: "reopen" }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), source, torn: fc.nat({ max: 15 }) }) },
  );

async function play(rig: Rig, steps: readonly Step[]): Promise<Docker> {
  const docker = new Docker(rig);
  let attachment = docker.attach();
  let n = 0;
  for (const step of steps) {
    if (step.do === "look") await rig.look();
    else if (step.do === "crash") docker.crash(step.source, step.torn);
    else if (step.do === "reopen") {
      rig.reopen();
      attachment = docker.attach();
    } else {
      rig.clock.jumpWall(step.after);
      docker.say(step.source, `${step.source} says ${n++}`, { whole: step.whole });
    }
  }
  await rig.finish(attachment);
  return docker;
}

test("each line has the time it was said at, and both streams are in one order by it, however they were read and over kills", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepOf(fc.constant(true)), { maxLength: 60 }), async (steps) => {
      using rig = new Rig();
      const { said } = await play(rig, steps);
      const records = await rig.read();
      expect(records.map(({ seq }) => seq)).toEqual(said.map((_, i) => i + 1));
      const shown = records.map(({ timestamp, message }) => `${timestamp} ${message}`);
      expect(shown.toSorted()).toEqual(said.map(({ ms, text }) => `${new Date(ms).toISOString()} ${text}`).toSorted());
      for (const each of STREAMS) {
        const of = (texts: string[]) => texts.filter((text) => text.startsWith(each));
        expect(of(records.map(({ message }) => message))).toEqual(of(said.map(({ text }) => text)));
      }
      for (const { ms } of said) {
        const since = (await rig.read({ sinceMs: ms })).map(({ message }) => message);
        expect(since.toSorted()).toEqual(
          said
            .filter((line) => line.ms >= ms)
            .map(({ text }) => text)
            .toSorted(),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("a line that comes in parts has the time of its first byte, unless a later line was stored before it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stepOf(fc.boolean()), { maxLength: 60 }), async (steps) => {
      using rig = new Rig();
      const { said } = await play(
        rig,
        steps.filter((step) => step.do !== "crash"),
      );
      const times = new Map(said.map(({ text, ms }) => [text, ms]));
      let before = 0;
      for (const { message, timestamp } of await rig.read()) {
        const own = times.get(message);
        if (own === undefined) continue; // a last line whose second half never came
        expect(Date.parse(timestamp)).toBe(Math.max(before, own));
        before = Date.parse(timestamp);
      }
    }),
    { numRuns: 60 },
  );
});

test("replicas that talk at the same time are in one order; a clock that steps back does not make times fall", async () => {
  using rig = new Rig();
  const docker = new Docker(rig);
  const attached = [docker.attach("a", 0), docker.attach("b", 1)];
  const order: string[] = [];
  for (let i = 0; i < 200; i++) {
    rig.clock.jumpWall(1);
    const instance = i % 3 === 0 ? "a" : "b";
    docker.say(i % 2 === 0 ? "stdout" : "stderr", `${i} of ${instance}`, { instance });
    order.push(`${i} of ${instance}`);
  }
  await rig.look();
  expect(await rig.messages()).toEqual(order);
  rig.clock.jumpWall(-60_000);
  docker.say("stdout", "later", { instance: "a" });
  for (const attachment of attached) await rig.finish(attachment);
  const [last, later] = (await rig.read()).slice(-2);
  expect(later?.message).toBe("later");
  expect(later?.timestamp).toBe(last?.timestamp as string);
});

test("without its times, or with none that can be believed, a line has the time it was read at", async () => {
  using rig = new Rig();
  const docker = new Docker(rig);
  const attachment = docker.attach();
  const spool = rig.spool("i1");
  docker.say("stdout", "known");
  const known = rig.clock.now();
  await rig.look();
  docker.say("stdout", "torn");
  truncateSync(timesPath(spool), 16 + 7);
  await rig.look();
  writeFileSync(timesPath(spool), Buffer.alloc(64, 0xff));
  docker.say("stdout", "garbage");
  await rig.look();
  rmSync(timesPath(spool));
  rig.reopen();
  const again = docker.attach();
  appendFileSync(spool, "missing\n");
  await rig.look();
  const now = rig.clock.now();
  new TimesWriter(spool).note(sizeOf(spool), now + 86_400_000);
  appendFileSync(spool, "from the future\n");
  await rig.finish(again);
  await attachment.finish();
  const records = await rig.read();
  expect(records.map(({ message }) => message)).toEqual(["known", "torn", "garbage", "missing", "from the future"]);
  expect(records.map(({ timestamp }) => Date.parse(timestamp)).slice(0, 2)).toEqual([known, known]);
  const times = records.map(({ timestamp }) => Date.parse(timestamp));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThanOrEqual(rig.clock.now());
});

test("maxAge goes by the lines' own time, also when hours of them are read at once", async () => {
  using rig = new Rig();
  const docker = new Docker(rig);
  for (let minute = 0; minute < 60; minute++) {
    docker.say("stdout", `minute ${minute}`);
    rig.clock.jumpWall(60_000);
  }
  const spools = { stdout: rig.spool("i1"), stderr: rig.spool("i1", "stderr"), timed: true };
  const log = rig.service("api", { maxAgeMs: 600_000 });
  await rig.finish(log.attach({ instance: "i1", replica: 0, spools }));
  await rig.look();
  const left = await rig.messages();
  expect(left.at(-1)).toBe("minute 59");
  expect(left.length).toBeGreaterThanOrEqual(9);
  expect(left.length).toBeLessThanOrEqual(16);
});

test("entries of lines that were stored are freed, and what is left answers as before", () => {
  using rig = new Rig();
  const spool = rig.spool("i1");
  const writer = new TimesWriter(spool);
  for (let i = 0; i < 20_000; i++) writer.note(i * 10, 1_000_000 + i);
  writeFileSync(spool, Buffer.alloc(200_000));
  writer.close();
  const times = new Times(spool, loadPunch());
  const before = statSync(timesPath(spool)).blocks;
  expect(times.marks(150_005, 150_025)).toEqual([
    { offset: 150_005, ms: 1_015_000 },
    { offset: 150_010, ms: 1_015_001 },
    { offset: 150_020, ms: 1_015_002 },
  ]);
  times.free();
  times.close();
  expect(statSync(timesPath(spool)).blocks).toBeLessThan(before / 2);
  const again = new Times(spool, undefined);
  for (const at of [150_000, 160_007, 199_999]) expect(again.marks(at, at)[0].ms).toBe(1_000_000 + Math.floor(at / 10));
  expect(again.marks(0, 0)[0].ms).toBeUndefined();
  const more = new TimesWriter(spool);
  more.note(200_000, 5);
  more.close();
  expect(readFileSync(timesPath(spool)).length).toBe(20_001 * 16);
  expect(again.marks(200_000, 200_000)[0].ms).toBe(5);
});

test("grouped as a look at every line finds", () => {
  const line = fc.record({
    text: fc.string({ unit: fc.constantFrom("a", "ä"), maxLength: 5 }),
    mark: fc.option(fc.nat({ max: 20 })),
    at: fc.nat({ max: 12 }),
  });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), fc.nat({ max: 10 }), (lines, floor) => {
      const base = 1000;
      let offset = base;
      let time: number | undefined;
      let ts = floor;
      const marks: [{ offset: number; ms: number | undefined }, ...{ offset: number; ms: number }[]] = [{ offset: base, ms: undefined }];
      const expected: number[] = [];
      let text = "";
      for (const { text: own, mark, at } of lines) {
        const size = Buffer.byteLength(own) + 1;
        const place = Math.min(at, size - 1);
        if (mark !== null && place === 0) time = mark + 1;
        ts = Math.max(ts, Math.min(time ?? 15, 15));
        expected.push(ts);
        if (mark !== null) marks.push({ offset: offset + place, ms: mark + 1 });
        if (mark !== null) time = mark + 1;
        offset += size;
        text += `${own}\n`;
      }
      const bytes = Buffer.from(text);
      const sorted = marks[1]?.offset === base ? (marks.slice(1) as typeof marks) : marks;
      const bounds = { base, next: bytes.length, now: 15, floor, until: Number.POSITIVE_INFINITY, spanMs: Number.POSITIVE_INFINITY };
      const groups = groupsOf(bytes, sorted, bounds);
      expect(groups.at(-1)?.end).toBe(bytes.length);
      let from = 0;
      const found = groups.flatMap(({ end, ts: own }) => {
        const count = bytes.subarray(from, end).filter((byte) => byte === 10).length;
        from = end;
        return Array.from({ length: count }, () => own);
      });
      expect(found).toEqual(expected);
    }),
  );
});
