import { expect, test } from "bun:test";
import { draw } from "./draw.ts";

const size = { columns: 5, rows: 3 };

test("only lines that differ are written, in one synchronized update, nothing is cleared", () => {
  expect(draw(["a", "b", "c"], ["a", "x", "c"], size)).toBe("\x1b[?2026h\x1b[2;1Hx\x1b[K\x1b[?2026l");
  expect(draw(["a", "b", "c"], ["a", "b", "c"], size)).toBe("");
});

test("the first time every line is", () => {
  expect(draw(undefined, ["a", "", "c"], size)).toBe("\x1b[?2026h\x1b[1;1Ha\x1b[K\x1b[2;1H\x1b[K\x1b[3;1Hc\x1b[K\x1b[?2026l");
});

test("a line that fills its row keeps its last character", () => {
  expect(draw([""], ["\x1b[7m日本x\x1b[0m"], size)).not.toContain("\x1b[K");
});
