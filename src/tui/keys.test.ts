import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { flushKeys, readKeys } from "./keys.ts";

test.each([
  ["jk", ["j", "k"]],
  ["\x1b[A\x1b[B", ["up", "down"]],
  ["\x1bOA\x1bOB\x1bOH", ["up", "down", "home"]],
  ["\x1b[1;5A\x1b[5~\x1b[6~\x1b[5;2~", ["up", "pgup", "pgdn", "pgup"]],
  ["\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~", ["home", "end", "home", "end", "home", "end"]],
  ["\r\n\t\x7f\b\x03", ["enter", "enter", "tab", "backspace", "backspace", "ctrl-c"]],
  ["\x1bq", ["esc", "q"]],
  ["\x1b\x1b[A", ["esc", "up"]],
  ["é日👍", ["é", "日", "👍"]],
  // Function keys, mouse and focus mean nothing here, and none of their characters does.
  ["\x1b[15~\x1bOP\x1b[I\x1b[<0;1;1M", []],
  ["\x1b[200~q\x1b[201~", ["paste-begin", "q", "paste-end"]],
  ["\x00\x01\x1c", []],
])("%j", (typed, keys) => {
  expect(readKeys(typed)).toEqual({ keys, rest: "" });
});

test("a sequence may come in pieces; an ESC that nothing follows is a key", () => {
  expect(readKeys("j\x1b")).toEqual({ keys: ["j"], rest: "\x1b" });
  expect(readKeys("\x1b[1;")).toEqual({ keys: [], rest: "\x1b[1;" });
  expect(flushKeys("\x1b")).toEqual(["esc"]);
  expect(flushKeys("\x1b[")).toEqual(["esc", "["]);
  expect(readKeys(`\x1b[${"1;".repeat(50)}`).rest).toBe("");
});

test("property: however it is cut, the same keys come out", () => {
  const piece = fc.constantFrom("a", "\x1b[A", "\x1bOB", "\x1b[5~", "\r", "é", "\x1b[1;5C");
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(40)), (pieces, cuts) => {
      const typed = pieces.join("");
      const borders = [0, ...cuts.filter((at) => at < typed.length).toSorted((a, b) => a - b), typed.length];
      let rest = "";
      const keys = borders.slice(1).flatMap((end, at) => {
        const read = readKeys(rest + typed.slice(borders[at], end));
        rest = read.rest;
        return read.keys;
      });
      expect(keys).toEqual([...readKeys(typed).keys]);
    }),
  );
});
