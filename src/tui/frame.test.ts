import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { HELP } from "./help.ts";
import { after, lines, record, records, screenOf, service, text, viewOf } from "./rig.suite.ts";

/** The document's own table. */
const DEMO = viewOf(
  service("db", { message: "listening on 5432" }),
  service("api", {
    replicas: { ready: 2, live: 2, desired: 2 },
    restarts: 1,
    age_ms: 58_000,
    message: "200 OK /health (avg 25ms)",
  }),
  service("web", { state: "Starting", ready: false, age_ms: 2000, message: "waiting for api (ready)" }),
);

test("the document's table stands on top, to the letter", () => {
  expect(text(screenOf(DEMO)).slice(0, 4).join("\n")).toBe(
    `SERVICE  STATE     READY  REPL  RESTARTS  AGE    MESSAGE
db       Running   true   1/1   0         1m12s  listening on 5432
api      Running   true   2/2   1         58s    200 OK /health (avg 25ms)
web      Starting  false  1/1   0         2s     waiting for api (ready)`,
  );
});

test("below it the log, names in a column", () => {
  const time = new Date("2026-01-01T10:00:03.000Z").toTimeString().slice(0, 8);
  const state = after(screenOf(DEMO), records(record("db", "up"), record("api", "hello", { replica: 1 })));
  expect(text(state).slice(4, 7)).toEqual([`── logs of all ── following ${"─".repeat(52)}`, `${time} db/0  | up`, `${time} api/1 | hello`]);
});

test("the column of names fits who is no service as well", () => {
  const state = after(screenOf(viewOf("db")), records(record("db", "up"), record("orco/watch", "applied"), record("x".repeat(40), "y")));
  const all = text(state).map((line) => line.slice(9));
  expect(all).toContain(`${"orco/watch/0".padEnd(24)} | applied`);
  expect(all).toContain(`${"x".repeat(23)}… | y`);
});

test.each([
  [120, "SERVICE  STATE     READY  REPL  RESTARTS  AGE    MESSAGE"],
  [50, "SERVICE  STATE     READY  REPL  RESTARTS  AGE"],
  [44, "SERVICE  STATE     READY  REPL  RESTARTS"],
  [36, "SERVICE  STATE     READY  REPL"],
  [20, "SERVICE  STATE"],
  [10, "SERVICE  …"],
])("%i columns: the rightmost ones go first", (columns, header) => {
  expect(text(screenOf(DEMO, { columns, rows: 24 }))[0]).toBe(header);
});

test("two hundred services scroll: the selected one is in sight, wherever it is", () => {
  const names = Array.from({ length: 200 }, (_, at) => `s${at}`);
  const state = after(screenOf(viewOf(...names)), ...Array.from({ length: 150 }, () => "j"));
  const shown = text(state);
  expect(shown.slice(1, 11).map((line) => line.split(" ")[0])).toEqual(names.slice(141, 151));
  expect(shown[11]).toContain("services 142-151 of 200");
  expect(lines(state)[10]).toStartWith("\x1b[7ms150 ");
});

test("without colour only what is selected and the headings stand out", () => {
  const state = after(screenOf(viewOf(service("a", { state: "Failed" }), "b")), "j", records(record("a", "x", { level: "error" })));
  const codes = new Set(lines(state).flatMap((line) => [...line.matchAll(/\x1b\[(\d+)m/g)].map(([, code]) => code))); // oxlint-disable-line no-control-regex
  expect(codes).toEqual(new Set(["0", "1", "7"]));
  expect(lines(state, true).join("")).toContain("\x1b[31m");
});

test("what a service prints drives no terminal: sequences gone, tabs as blanks, wide characters counted", () => {
  const nasty = "\x1b[2J\x1b]0;title\x07a\tb\r\x9b31m日本語👩‍👩‍👧 e\u0301 \u202eabc";
  const state = after(screenOf(viewOf(service("db", { message: nasty }))), records(record("db", nasty)));
  expect(text(state)[1]).toContain("a b");
  expect(text(state)[3]).toEndWith("| a       b日本語👩‍👩‍👧 e\u0301 abc");
});

describe("help", () => {
  test("names every key, and Esc leaves it", () => {
    const state = after(screenOf(DEMO), "?");
    expect(text(state).slice(1, HELP.length + 1)).toEqual([...HELP]);
    expect(text(after(state, "esc"))[0]).toStartWith("SERVICE");
  });
});

const anyText = fc.string({ unit: "binary", maxLength: 60 });
const anyKey = fc.constantFrom(
  ..."jkqlf/?rspa+-g.x".split(""),
  "up",
  "down",
  "pgup",
  "pgdn",
  "home",
  "end",
  "tab",
  "enter",
  "esc",
  "backspace",
);
const anyEvent = fc.oneof(
  anyKey.map((key) => ({ type: "key", key }) as const),
  fc.array(anyText, { maxLength: 4 }).map((all) => records(...all.map((message) => record("a", message, { level: "warn" })))),
  fc
    .array(anyText, { maxLength: 12 })
    .map((all) => ({ type: "view", view: viewOf(...all.map((message, at) => service(`s${at}`, { message }))) }) as const),
  anyText.map((said) => ({ type: "said", text: said, tone: "error", nowMs: 0 }) as const),
  fc
    .record({ columns: fc.integer({ min: 1, max: 130 }), rows: fc.integer({ min: 1, max: 60 }) })
    .map((size) => ({ type: "size", size }) as const),
);

test("property: whatever comes, the screen has its rows, none is too wide, and nothing foreign drives the terminal", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      const state = after(screenOf(DEMO), ...events);
      const shown = lines(state, true);
      expect(shown).toHaveLength(state.size.rows);
      for (const line of shown) {
        expect(Bun.stringWidth(line)).toBeLessThanOrEqual(state.size.columns);
        expect(line.replace(/\x1b\[\d*m/g, "")).not.toMatch(/\p{Cc}/u); // oxlint-disable-line no-control-regex
      }
    }),
    { numRuns: 300 },
  );
});
