import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { textsOf } from "./log-reader.ts";
import { readLog } from "./read-log.ts";

async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

async function* numbered(count: number, special: ReadonlyMap<number, string> = new Map()): AsyncGenerator<Uint8Array> {
  const batch = 10_000;
  for (let at = 0; at < count; at += batch) {
    const lines = Array.from({ length: Math.min(batch, count - at) }, (_, n) => special.get(at + n + 1) ?? `line ${at + n + 1}`);
    yield Buffer.from(`${lines.join("\n")}\n`);
  }
}

describe("a log", () => {
  test("that is short is there as it was, however its bytes come", async () => {
    const line = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ""));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 20 }), fc.array(fc.nat()), async (lines, cuts) => {
        const whole = await readLog(inPieces(Buffer.from(lines.join("\n")), []));
        expect(await readLog(inPieces(Buffer.from(lines.join("\n")), cuts))).toEqual(whole);
        expect(whole.firstLine).toBe(1);
        expect(whole.earlier).toEqual([]);
        expect(whole.lines.length).toBe(lines.at(-1) === "" ? lines.length - 1 : lines.length);
      }),
    );
  });

  test("that is long keeps its ends and what looks like an error, each line under its number", async () => {
    const count = 100_000;
    const special = new Map([
      [3, "ERROR early"],
      [40_000, "fatal error: Python.h: No such file or directory"],
      [99_000, "ERROR late"],
    ]);
    const log = await readLog(numbered(count, special));
    const texts = textsOf(log, "given");
    for (const { lines, firstLine } of texts)
      for (const [at, line] of lines.entries()) expect(line).toBe(special.get(firstLine + at) ?? `line ${firstLine + at}`);
    expect(texts.map(({ firstLine, lines }) => [firstLine, lines.length])).toEqual([
      [95_001, 5000],
      [39_995, 16],
      [1, 500],
    ]);
  });

  test("full of errors is bounded all the same", async () => {
    const special = new Map(Array.from({ length: 30_000 }, (_, at) => [at + 1, `error ${at + 1}`]));
    const texts = textsOf(await readLog(numbered(30_000, special)), "given");
    expect(texts.reduce((sum, { lines }) => sum + lines.length, 0)).toBe(7500);
    expect(texts[1]?.lines.at(-1)).toBe("error 25000");
  });

  test("of one endless line, or one endless progress bar, is cut", async () => {
    const mib = Buffer.alloc(1024 * 1024, "x");
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 30; at++) yield mib;
      yield Buffer.from("\nnext\n");
      for (let at = 0; at < 100_000; at += 1) yield Buffer.from(`\r${at} % of much`);
      yield Buffer.from("\rdone\n");
    }
    const { lines } = await readLog(endless());
    expect(lines.map((line) => line.slice(0, 10))).toEqual(["xxxxxxxxxx", "next", "done"]);
    expect(lines[0]?.length).toBe(4000);
  });

  test("that holds a build names where it failed, without the prefixes", async () => {
    const text = "Step 1/2 : FROM busybox:local\r\nStep 2/2 : RUN exit 3\r\nThe command '/bin/sh -c exit 3' returned a non-zero code: 3";
    expect((await readLog(inPieces(Buffer.from(text), []))).failing).toEqual({ instruction: "RUN exit 3", step: 2, of: 2 });
  });
});
