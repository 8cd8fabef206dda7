import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadAhead } from "./read-ahead.ts";
import { Rig } from "./rig.suite.ts";

const MiB = 1024 * 1024;

test("a piece is waited for once, forward and backward, and pieces grow", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orco-ahead-"));
  writeFileSync(join(dir, "file"), Buffer.alloc(8 * MiB));
  const fd = openSync(join(dir, "file"), "r");
  try {
    const ahead = new ReadAhead(fd);
    const waits = async (from: number, to: number): Promise<boolean> => {
      const wait = ahead.fetch(from, to);
      await wait;
      return wait !== undefined;
    };
    let waited = 0;
    for (let at = 0; at < 8 * MiB; at += 65_536) waited += Number(await waits(at, at + 65_536));
    expect(waited).toBeLessThan(25);
    expect(await waits(MiB, MiB + 1000)).toBe(true);
    expect(await waits(MiB - 1000, MiB)).toBe(false);
    expect(await waits(9 * MiB, 10 * MiB)).toBe(true);
  } finally {
    closeSync(fd);
    rmSync(dir, { recursive: true });
  }
  expect(await new ReadAhead(fd).fetch(0, 10)).toBeUndefined();
});

test("a log of many pieces is read whole, searched from both ends, and left in the middle", async () => {
  using rig = new Rig();
  const lines = 60_000;
  const line = (n: number): string => `line ${n} ${"and so on ".repeat(8)}`;
  await rig.run(rig.service("api"), "api", Array.from({ length: lines }, (_, n) => `${line(n)}\n`).join(""));
  expect((await rig.messages()).every((message, n) => message === line(n))).toBe(true);
  expect(await rig.messages({ grep: "line 59000 " })).toEqual([line(59_000)]);
  expect(await rig.messages({ grep: "line 10 ", tail: 2 })).toEqual([line(10)]);
  expect(await rig.messages({ grep: "^line [0-9]00 ", tail: 2 })).toEqual([line(800), line(900)]);
  const left = new AbortController();
  let read = 0;
  for await (const _ of rig.store.query({ stack: "demo", query: {}, signal: left.signal })) if (++read === 30_000) left.abort();
  expect(read).toBe(30_000);
});
