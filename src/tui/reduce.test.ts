import { describe, expect, test } from "bun:test";
import { processorTime } from "../../test/processor-time.ts";
import { commandOf } from "./command.ts";
import { MAX_ROWS } from "./log-pane.ts";
import { after, record, records, screenOf, service, text, viewOf } from "./rig.suite.ts";
import type { Event, State } from "./state.ts";

const three = screenOf(viewOf("a", "b", "c"));
const shown = (state: State): string[] => state.logs.shown.map((row) => row.text);
const many = (count: number, from = 0) => records(...Array.from({ length: count }, (_, at) => record("a", `line ${from + at}`)));

describe("the table", () => {
  test("selects by name: a service that moves stays selected, one that goes leaves its place to the next", () => {
    const state = after(three, "down");
    expect(state.selected).toBe("b");
    expect(after(state, { type: "view", view: viewOf("x", "a", "b", "c") }).selected).toBe("b");
    expect(after(state, { type: "view", view: viewOf("a", "c") }).selected).toBe("c");
    expect(after(state, { type: "view", view: viewOf("a") }).selected).toBe("a");
    expect(after(state, { type: "view", view: viewOf() }).selected).toBeUndefined();
  });

  test("moves by one, by pages and to its ends, never beyond", () => {
    const many = screenOf(viewOf(...Array.from({ length: 50 }, (_, at) => `s${at}`)));
    const at = (...keys: string[]) => after(many, ...keys).selected;
    expect([at("up"), at("j"), at("j", "k"), at("pgdn"), at("pgdn", "pgup"), at("end"), at("end", "down"), at("end", "home")]).toEqual([
      "s0",
      "s1",
      "s0",
      "s9",
      "s0",
      "s49",
      "s49",
      "s0",
    ]);
  });
});

describe("the log", () => {
  test("Enter shows one service, again all; another selected one takes its turn", () => {
    const state = after(three, records(record("a", "1"), record("b", "2"), record("a", "3")));
    const focused = after(state, "enter");
    expect(focused.logs.focus).toBe("a");
    expect(shown(focused)).toEqual(["1", "3"]);
    expect(shown(after(focused, records(record("b", "4"), record("a", "5"))))).toEqual(["1", "3", "5"]);
    expect(shown(after(focused, "enter"))).toEqual(["1", "2", "3"]);
    expect(after(focused, "down", "enter").logs.focus).toBe("b");
    expect(after(focused, "down", "tab", "enter").logs.focus).toBeUndefined();
  });

  test("the level goes round: all, info, warn, error", () => {
    const levels = ["debug", "info", "warn", "error", "fatal"];
    const state = after(three, records(...levels.map((level) => record("a", level, { level })), record("a", "none")));
    expect(shown(state)).toHaveLength(6);
    expect(shown(after(state, "l"))).toEqual(["info", "warn", "error", "fatal", "none"]);
    expect(shown(after(state, "l", "l"))).toEqual(["warn", "error", "fatal"]);
    expect(shown(after(state, "l", "l", "l"))).toEqual(["error", "fatal"]);
    expect(shown(after(state, "l", "l", "l", "l"))).toHaveLength(6);
  });

  test("a filter applies as it is typed, to what is there and what comes; Esc goes back, once more clears", () => {
    const state = after(three, records(record("a", "one"), record("a", "two"), record("a", "three")));
    const typing = after(state, "/", "t");
    expect(shown(typing)).toEqual(["two", "three"]);
    expect(shown(after(typing, "esc"))).toEqual(["one", "two", "three"]);
    const filtered = after(typing, "backspace", ..."t|e$".split(""), "enter");
    expect(shown(after(filtered, records(record("a", "nothing"), record("a", "seven"))))).toEqual(["one", "two", "three", "nothing"]);
    expect(shown(after(filtered, "/", "x", "esc"))).toEqual(["one", "two", "three"]);
    expect(shown(after(filtered, "esc"))).toEqual(["one", "two", "three"]);
    expect(after(filtered, "esc").logs.filter).toBeUndefined();
  });

  test("a pattern that is none says so and filters nothing until it is one", () => {
    const state = after(three, records(record("a", "x(")), "/", "(");
    expect(shown(state)).toEqual(["x("]);
    expect(state.prompt?.error).toContain("missing");
    expect(after(state, "enter").prompt).toBeDefined();
    expect(after(state, "x", ")", "enter").prompt).toBeUndefined();
  });

  test("a pattern that would take another engine for ever takes a moment", () => {
    const spent = processorTime();
    const state = after(three, records(record("a", "a".repeat(1900))), "/", ..."(a+)+$b".split(""), "enter");
    expect(shown(state)).toEqual([]);
    expect(spent()).toBeLessThan(1000);
  });

  test("a page that is pasted into the prompt is cut", () => {
    expect(after(three, "/", ...Array.from({ length: 1000 }, () => "x")).prompt?.text).toHaveLength(200);
  });

  test("keys act on the prompt while it is open", () => {
    const state = after(three, "/", ..."qrs?l".split(""));
    expect(state.prompt?.text).toBe("qrs?l");
    expect("qrspa+-g".split("").map((key) => commandOf(state, key))).toEqual(Array.from({ length: 8 }, () => undefined));
    expect(commandOf(state, "ctrl-c")).toEqual({ kind: "interrupt" });
    expect(after(state, "backspace", "ctrl-u", "backspace").prompt).toBeUndefined();
  });

  test("scrolling back stays where it is while lines come; f, End and Esc follow again", () => {
    const state = after(three, many(100), "tab", "pgup");
    const seen = text(state).slice(5, 23);
    expect(text(state)[4]).toContain("paused, 17 newer");
    const later = after(state, many(50, 100));
    expect(text(later).slice(5, 23)).toEqual(seen);
    expect(text(later)[4]).toContain("paused, 67 newer");
    for (const key of ["f", "end", "esc"]) expect(text(after(later, key))[22]).toContain("line 149");
    expect(text(after(later, "home"))[5]).toContain("line 0");
    expect(text(after(later, "home", "down"))[5]).toContain("line 1");
    expect(text(after(later, "tab", "up"))).toEqual(text(later).with(4, text(after(later, "tab"))[4] ?? ""));
  });

  test("is bounded; who had scrolled to what is gone sees the oldest there is", () => {
    const state = after(three, many(100), "tab", "home");
    const later = Array.from({ length: 12 }, (_, at) => many(1000, 100 + at * 1000)).reduce((now, event) => after(now, event), state);
    expect(later.logs.rows).toHaveLength(MAX_ROWS);
    expect(later.logs.shown).toHaveLength(MAX_ROWS);
    expect(text(later)[5]).toContain("line 2100");
  });

  test("the first lines of another stream take the place of what was there", () => {
    const state = after(three, many(5), { type: "records", records: [record("a", "fresh")], fresh: true });
    expect(shown(state)).toEqual(["fresh"]);
  });

  test("a record of several lines is several rows", () => {
    expect(shown(after(three, records(record("a", "one\ntwo", { meta: { user: "x" } }))))).toEqual(["one", "two user=x"]);
  });
});

describe("keys that change the stack", () => {
  test("act at once on the selected service", () => {
    expect("rspa".split("").map((key) => commandOf(after(three, "j"), key))).toEqual(
      (["restart", "stop", "promote", "abort"] as const).map((action) => ({ kind: "act", action, service: "b" })),
    );
    expect(commandOf(screenOf(viewOf(service("a", { state: "Stopped" }))), "s")).toMatchObject({ action: "start" });
    expect(commandOf(screenOf(viewOf(service("a", { state: "Failed" }))), "s")).toMatchObject({ action: "start" });
    expect(commandOf(screenOf(viewOf()), "r")).toBeUndefined();
  });

  test("+ and - count on from what was asked for last", () => {
    expect(commandOf(three, "+")).toMatchObject({ action: "scale", service: "a", replicas: 2 });
    const asked = after(three, { type: "asked", service: "a", replicas: 4 });
    expect(commandOf(asked, "+")).toMatchObject({ replicas: 5 });
    expect(commandOf(asked, "-")).toMatchObject({ replicas: 3 });
    expect(commandOf(after(asked, { type: "answered", service: "a", done: false }), "-")).toMatchObject({ replicas: 0 });
    expect(commandOf(after(three, { type: "asked", service: "a", replicas: 0 }), "-")).toMatchObject({ kind: "refuse" });
    expect(commandOf(after(three, { type: "asked", service: "a", replicas: 100 }), "+")).toMatchObject({ kind: "refuse" });
  });

  test("they do so until a view shows what was done: the first may have been on its way before", () => {
    const desired = (count: number): Event => ({
      type: "view",
      view: viewOf(service("a", { replicas: { ready: 1, live: 1, desired: count } })),
    });
    const done = after(three, { type: "asked", service: "a", replicas: 3 }, { type: "answered", service: "a", done: true });
    expect(commandOf(after(done, desired(2)), "-")).toMatchObject({ replicas: 2 });
    expect(commandOf(after(done, desired(2), desired(3)), "-")).toMatchObject({ replicas: 2 });
    // Somebody else has asked for five.
    expect(commandOf(after(done, desired(5), desired(5), desired(5)), "-")).toMatchObject({ replicas: 4 });
  });

  test("not while help covers the table", () => {
    const state = after(three, "?");
    expect("rspa+-".split("").map((key) => commandOf(state, key))).toEqual(Array.from({ length: 6 }, () => undefined));
    expect(commandOf(state, "q")).toEqual({ kind: "quit" });
  });
});

describe("the last line", () => {
  test("says what was done until its time is over; errors stay longer", () => {
    const said = after(three, { type: "said", text: "restart a: done", tone: "info", nowMs: 0 });
    expect(text(said)[23]).toBe("restart a: done");
    expect(text(after(said, { type: "tick", nowMs: 5000 }))[23]).toStartWith("q quit");
    const wrong = after(three, { type: "said", text: "no", tone: "error", nowMs: 0 }, { type: "tick", nowMs: 5000 });
    expect(text(wrong)[23]).toBe("no");
  });

  test("says for as long as it is so that the daemon is away, or that the stack is stopping", () => {
    const away = after(three, { type: "trouble", trouble: "daemon lost" });
    expect(text(after(away, { type: "tick", nowMs: 1e9 }))[23]).toBe("daemon lost");
    expect(text(after(away, { type: "view", view: viewOf("a") }))[23]).toStartWith("q quit");
    expect(text(after(three, { type: "phase", phase: "stopping demo" }, "esc"))[23]).toBe("stopping demo");
  });
});

test("the graph is shown over the panes, a service a line, and scrolls", () => {
  const nodes = Array.from({ length: 60 }, (_, layer) => ({ service: `s${layer}`, layer }));
  const edges = nodes.slice(1).map(({ service: from }, at) => ({ from, to: `s${at}`, require: "ready" }));
  const state = after(three, { type: "graph", graph: { nodes, edges } }, { type: "view", view: viewOf("s0") });
  expect(text(state).slice(0, 4)).toEqual([
    "demo: who waits for whom (Esc: back)",
    "LAYER  SERVICE  NOW    WAITS FOR",
    "0      s0       ready",
    "1      s1       -      s0 (ready)",
  ]);
  expect(text(after(state, "end"))[22]).toBe("59     s59      -      s58 (ready)");
  expect(text(after(state, "g"))[0]).toStartWith("SERVICE");
  expect(commandOf(state, "g")).toBeUndefined();
  expect(commandOf(three, "g")).toEqual({ kind: "graph" });
});
