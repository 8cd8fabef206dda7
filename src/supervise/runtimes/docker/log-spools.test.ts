import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Times } from "../../logs/times.ts";
import { LogSpools } from "./log-spools.ts";

const root = mkdtempSync(join(tmpdir(), "orco-spools-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Line {
  readonly stream: "stdout" | "stderr";
  readonly ms: number;
  readonly text: string;
}

const BEGIN = Date.UTC(2026, 0, 31, 23, 59, 59, 500);

/** Times rise, stand still, or fall a little. */
const log = fc
  .array(
    fc.record({
      stream: fc.constantFrom("stdout" as const, "stderr" as const),
      step: fc.constantFrom(0, 0, 0, 1, 2, 700, -1, -20),
      text: fc.string({ unit: fc.constantFrom("a", "b", "ä", "\n"), minLength: 1, maxLength: 12 }).map((text) => text),
    }),
    { maxLength: 40 },
  )
  .map((lines) => {
    let ms = BEGIN;
    return lines.map(({ stream, step, text }): Line => ({ stream, text, ms: (ms += step) }));
  });

function framesOf(lines: readonly Line[]): Buffer {
  return Buffer.concat(
    lines.map(({ stream, ms, text }) => {
      const data = Buffer.from(`${new Date(ms).toISOString().slice(0, -1)}123456Z ${text}`);
      const header = Buffer.alloc(8);
      header[0] = stream === "stdout" ? 1 : 2;
      header.writeUInt32BE(data.length, 4);
      return Buffer.concat([header, data]);
    }),
  );
}

/** What docker gives to one who reads from there. */
function since(lines: readonly Line[], sinceMs: number | undefined): Line[] {
  return lines.filter(({ ms }) => sinceMs === undefined || ms >= sinceMs);
}

function feed(spools: LogSpools, bytes: Buffer, sizes: readonly number[]): void {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = (sizes[turn % sizes.length] ?? 0) + 1;
    spools.take(bytes.subarray(at, at + size));
    if (size % 3 === 0) spools.flush();
    at += size;
  }
}

const textOf = (lines: readonly Line[], stream: Line["stream"]): string =>
  lines.flatMap((line) => (line.stream === stream ? [line.text] : [])).join("");

function made(): { stdout: string; stderr: string } {
  const name = join(root, crypto.randomUUID());
  return { stdout: `${name}.out`, stderr: `${name}.err` };
}

test("each byte once, however the log comes in pieces and whenever the reading breaks off", () => {
  fc.assert(
    fc.property(
      log,
      fc.array(fc.nat({ max: 90 }), { minLength: 1 }),
      fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 4 }),
      (lines, sizes, breaks) => {
        const files = made();
        for (const [upTo, flushed] of breaks) {
          const spools = new LogSpools(files);
          // Only lines that were written by then.
          const there = since(lines.slice(0, upTo % (lines.length + 1)), spools.sinceMs);
          feed(spools, framesOf(there), sizes);
          if (flushed) spools.flush();
          spools.close();
        }
        const last = new LogSpools(files);
        feed(last, framesOf(since(lines, last.sinceMs)), sizes);
        last.flush();
        last.close();
        for (const stream of ["stdout", "stderr"] as const) expect(readFileSync(files[stream], "utf8")).toBe(textOf(lines, stream));
      },
    ),
  );
});

test("lines have the time docker took them at", () => {
  const files = made();
  const lines: Line[] = Array.from({ length: 5 }, (_, n) => ({ stream: "stdout", ms: BEGIN + 300 * n, text: `${n}\n` }));
  const spools = new LogSpools(files);
  feed(spools, framesOf(lines), [1000]);
  spools.flush();
  spools.close();
  const marks = new Times(files.stdout, undefined).marks(0, 10);
  expect(marks.map(({ offset, ms }) => [offset, ms])).toEqual(lines.map(({ ms }, n) => [2 * n, ms]));
});

test("a spool whose last bytes never reached the disk is written on from there", () => {
  const files = made();
  const lines: Line[] = Array.from({ length: 50 }, (_, n) => ({ stream: "stdout", ms: BEGIN + (n >> 2), text: `line ${n}\n` }));
  const first = new LogSpools(files);
  feed(first, framesOf(lines), [500]);
  first.flush();
  first.close();
  truncateSync(files.stdout, 133);
  const second = new LogSpools(files);
  feed(second, framesOf(since(lines, second.sinceMs)), [500]);
  second.flush();
  second.close();
  expect(readFileSync(files.stdout, "utf8")).toBe(textOf(lines, "stdout"));
});
