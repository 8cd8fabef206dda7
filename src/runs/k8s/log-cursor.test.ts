import { expect, test } from "bun:test";
import fc from "fast-check";
import { systemClock } from "../../kernel/clock.ts";
import { LogCursor, sinceTime, stampedLine } from "./log-cursor.ts";
import { LogLines } from "./log-lines.ts";
import { Heard } from "./rig.fake.ts";

const CREATED = Date.UTC(2026, 0, 1);
const how = { clock: systemClock(), signal: new AbortController().signal, createdAt: CREATED };

test("a time stamp is read to the microsecond, whatever its precision and zone", () => {
  const day = 86_400_000_000;
  expect(stampedLine("2026-01-01T00:00:01.000002999Z hello  world", CREATED)).toEqual({
    us: day + 1_000_002,
    at: CREATED + 1000,
    text: "hello  world",
  });
  expect(stampedLine("2026-01-01T00:00:01Z ", CREATED)).toMatchObject({ us: day + 1_000_000, text: "" });
  expect(stampedLine("2026-01-01T01:00:01.5+01:00 x", CREATED)).toMatchObject({ us: day + 1_500_000, text: "x" });
  expect(stampedLine("unable to retrieve container logs", CREATED)).toBeUndefined();
  expect(sinceTime(day + 1_500_000, CREATED)).toBe("2026-01-01T00:00:01.500Z");
});

test("a cursor survives as a number for a year", () => {
  const us = 86_400_000_000 * 365;
  const taken = new LogCursor().take(us);
  expect(Number.isSafeInteger(taken)).toBe(true);
  const again = new LogCursor(taken as number);
  expect(again.take(us)).toBe("seen");
  expect(again.take(us)).toBe((taken as number) + 1);
});

/** A log of lines whose stamps do not fall; several share one. */
const log = fc
  .array(fc.record({ gap: fc.constantFrom(0, 0, 1, 7, 3_000_000), checkpoint: fc.boolean() }), { maxLength: 40 })
  .map((lines) => {
    let us = 0;
    return lines.map(({ gap, checkpoint }, index) => {
      us += gap;
      const stamp = new Date(CREATED + Math.floor(us / 1000)).toISOString().replace("Z", `${String(us % 1000).padStart(3, "0")}000Z`);
      return `${stamp} ${checkpoint ? JSON.stringify({ type: "checkpoint", data: index }) : `line ${index}`}`;
    });
  });

test("however often a log is read anew, within a daemon or by the next one, each checkpoint is recorded once", async () => {
  await fc.assert(
    fc.asyncProperty(log, fc.array(fc.record({ upTo: fc.nat(40), newDaemon: fc.boolean() }), { maxLength: 6 }), async (lines, readings) => {
      const heard = new Heard();
      let reader = new LogLines(heard, how, 0);
      for (const { upTo, newDaemon } of [...readings, { upTo: lines.length, newDaemon: false }]) {
        if (newDaemon) reader = new LogLines(heard, how, heard.checkpoints.at(-1)?.consumed ?? 0);
        reader.reopen();
        for (const line of lines.slice(0, upTo)) await reader.take(line);
      }
      const expected = lines.flatMap((line, index) => (line.includes("checkpoint") ? [index] : []));
      expect(heard.checkpoints.map(({ data }) => data)).toEqual(expected);
      const logged = lines.flatMap((line, index) => (line.includes("checkpoint") ? [] : [`line ${index}`]));
      expect(new Set(heard.lines)).toEqual(new Set(logged));
      if (!readings.some(({ newDaemon }) => newDaemon)) expect(heard.lines).toEqual(logged);
    }),
    { numRuns: 300 },
  );
});

test("a line of stderr that is a moment ahead hides no checkpoint", async () => {
  const heard = new Heard();
  const reader = new LogLines(heard, how, 0);
  const lines = ["2026-01-01T00:00:00.000005Z to stderr", '2026-01-01T00:00:00.000004Z {"type":"checkpoint","data":1}'];
  reader.reopen();
  await reader.take(lines[0] ?? "");
  reader.reopen();
  for (const line of lines) await reader.take(line);
  expect(heard.checkpoints.map(({ data }) => data)).toEqual([1]);
  expect(heard.lines).toEqual(["to stderr"]);
});
