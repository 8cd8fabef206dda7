import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { holdsUnseen, withoutUnseen } from "./unseen.ts";

test.each([
  ["a NUL", "\0"],
  ["a terminal's escape", "\u001b"],
  ["a line break", "\n"],
  ["a C1 control", "\u0085"],
  ["a blank without width", "\u200b"],
  ["a joiner", "\u200d"],
  ["a soft hyphen", "\u00ad"],
  ["a mark that turns the direction", "\u202e"],
  ["a byte order mark", "\ufeff"],
  ["a filler", "\u3164"],
  ["a variation selector", "\ufe0f"],
  ["a tag", "\u{e0041}"],
  ["half a character", "\ud800"],
  ["what is for private use", "\ue000"],
])("%s cannot be seen", (_, character) => {
  expect([holdsUnseen(`b${character}ob`), withoutUnseen(`b${character}ob${character}`)]).toEqual([true, "bob"]);
});

test("names of people everywhere are seen, and what is left over holds nothing more", () => {
  for (const name of ["bob", "Ann O’Neil", "jürgen@example.org", "李小龍", "Ольга", "uid:1000", "😀"])
    expect([name, holdsUnseen(name)]).toEqual([name, false]);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !holdsUnseen(withoutUnseen(text))));
});
