import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Rig } from "./rig.suite.ts";

const filesOf = (rig: Rig, service = "api") => readdirSync(join(rig.dir, "logs/demo", service));
const bytesOf = (rig: Rig) => filesOf(rig).reduce((sum, name) => sum + statSync(join(rig.dir, "logs/demo/api", name)).size, 0);

test("size: index and log together stay within maxFileSize × maxFiles, and the newest lines are kept", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxFileSizeBytes: 16_384, maxFiles: 3 });
  const attachment = rig.attach(log, "i1");
  for (let i = 0; i < 2000; i++) {
    rig.write("i1", `tiny ${i}\n`);
    if (i % 20 === 0) await rig.clock.advance(20);
    expect(bytesOf(rig)).toBeLessThanOrEqual(3 * 16_384 + 1024);
  }
  await rig.finish(attachment);
  expect(filesOf(rig).length).toBe(6);
  expect(await rig.messages({ tail: 2 })).toEqual(["tiny 1998", "tiny 1999"]);
  expect((await rig.read())[0]?.seq).toBeGreaterThan(1);
});

test("age: a segment goes when its newest line is too old, seqs go on", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxAgeMs: 10_000 });
  await rig.run(log, "i1", "old\n");
  await rig.clock.advance(6000);
  await rig.run(log, "i2", "newer\n");
  expect(await rig.messages()).toEqual(["old", "newer"]);
  await rig.clock.advance(4000);
  expect(await rig.messages()).toEqual(["newer"]);
  await rig.clock.advance(10_000);
  expect(await rig.messages()).toEqual([]);
  rig.reopen();
  await rig.run(rig.service("api", { maxAgeMs: 10_000 }), "i3", "next\n");
  expect((await rig.read()).map((record) => [record.message, record.seq])).toEqual([["next", 3]]);
});

test("a log that is only read loses nothing, whatever its bounds were", async () => {
  using rig = new Rig();
  const log = rig.service("api", { maxFileSizeBytes: 4096, maxFiles: 50 });
  await rig.run(log, "i1", "some line\n".repeat(900));
  const before = filesOf(rig);
  rig.reopen();
  expect((await rig.read()).length).toBe(900);
  await rig.clock.advance(5000);
  expect(filesOf(rig)).toEqual(before);
});

test("the consumed part of a spool is freed, and none of a secret stays in it", async () => {
  using rig = new Rig();
  const log = rig.service("api", {}, ["hunter22"]);
  rig.write("i1", "password hunter22\n");
  rig.attach(log, "i1");
  await rig.look();
  expect(readFileSync(rig.spool("i1")).includes("hunter22")).toBe(false);
  expect(statSync(rig.spool("i1")).size).toBe(18);
  await rig.run(rig.service("web"), "i2", "x".repeat(99).concat("\n").repeat(20_000));
  expect(statSync(rig.spool("i2")).size).toBe(2_000_000);
  expect(statSync(rig.spool("i2")).blocks * 512).toBeLessThan(600_000);
});

test("notes stand in the same sequence, without secrets", async () => {
  using rig = new Rig();
  const log = rig.service("api", {}, ["hunter22"]);
  await rig.run(log, "i1", "a\n");
  log.note({ level: "warn", message: "hook said hunter22", replica: 2, meta: { argv: ["-p", "hunter22"] } });
  const record = (await rig.read()).at(-1);
  expect(record).toMatchObject({
    source: "orco",
    level: "warn",
    replica: 2,
    seq: 2,
    message: "hook said [redacted]",
    meta: { argv: ["-p", "[redacted]"] },
  });
});
