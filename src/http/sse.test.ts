import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import { cursorOf, encodeFrame, type Frame, parseTime } from "./sse.ts";

function parsed(text: string): { event?: string | undefined; id?: string | undefined; data: string }[] {
  const events: { event?: string | undefined; id?: string | undefined; data: string }[] = [];
  createParser({ onEvent: ({ event, id, data }) => events.push({ event, id, data }) }).feed(text);
  return events;
}

describe("a frame", () => {
  test("is one event, whatever line breaks its values hold", () => {
    const evil = "a\r\nid: 9-9\r\rdata: x\nevent: end\n\ndata: y";
    for (const frame of [
      { event: "log", id: "1-1", data: evil },
      { event: `log\nevent: end\n\n`, id: "1-1", data: "x" },
      { event: "log", id: "1-1\r\ndata: injected\n\n", data: "x" },
      { event: "log", id: "1-1", data: { text: evil } },
    ] satisfies Frame[]) {
      const events = parsed(encodeFrame(frame));
      expect(events.length).toBe(1);
      expect(events[0]?.data.replaceAll("\r", "\n")).not.toContain("injected");
    }
    expect(parsed(encodeFrame({ event: "log", data: evil }))[0]?.data).toBe(evil.replaceAll(/\r\n|\r/g, "\n"));
  });

  test("keeps JSON on one line", () => {
    expect(encodeFrame({ event: "e", id: "5-7", data: { a: "\n" } })).toBe('event: e\nid: 5-7\ndata: {"a":"\\n"}\n\n');
  });
});

describe("a cursor", () => {
  test("comes from the header, then the query, then replay", () => {
    expect(cursorOf({ header: "5-7", lastEventId: "5-8", replay: 3 })).toEqual({ kind: "id", ms: 5, seq: 7 });
    expect(cursorOf({ lastEventId: "5-8", replay: 3 })).toEqual({ kind: "id", ms: 5, seq: 8 });
    expect(cursorOf({ replay: 3 })).toEqual({ kind: "replay", count: 3 });
    expect(cursorOf({ replay: -4 })).toEqual({ kind: "replay", count: 0 });
    expect(cursorOf({ replay: 1e9 })).toEqual({ kind: "replay", count: 1000 });
    expect(cursorOf({})).toEqual({ kind: "all" });
  });

  test("may be a time", () => {
    const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
    expect(cursorOf({ header: String(ms) })).toEqual({ kind: "time", ms });
    expect(cursorOf({ header: "2026-01-02T03:04:05.006Z" })).toEqual({ kind: "time", ms });
    expect(cursorOf({ header: "2026-01-02T04:04:05.006+01:00" })).toEqual({ kind: "time", ms });
    expect(parseTime("yesterday")).toBeUndefined();
    expect(parseTime("2026-13-01T00:00:00Z")).toBeUndefined();
  });

  test("of another kind is refused", () => {
    for (const bad of ["x", "1-", "-1", "1-2-3", "1e3-4"]) expect(() => cursorOf({ header: bad })).toThrow("not one of ours");
  });
});
