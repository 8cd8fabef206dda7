import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { plainLine, plainText } from "./plain-text.ts";

test("sequences go whole, breaks become spaces", () => {
  expect(plainLine("\u001b[31mred\u001b[0m\r\nnext\tcell")).toBe("red next cell");
  expect(plainLine("\u001b]0;title\u0007text \u001b]8;;http://x\u001b\\link")).toBe("text link");
  expect(plainLine("evil\u202egnp.exe\u0000\u009b")).toBe("evilgnp.exe");
  expect(plainText("a\r\nb\rc\td\u0008")).toBe("a\nb\nc\td");
});

test("is cut between characters", () => {
  expect(plainLine("abcdef", 4)).toBe("abc…");
  expect(plainLine("ab😀def", 4)).toBe("ab…");
});

test("whatever comes in, nothing that drives a terminal comes out", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(plainLine(text)).not.toMatch(/\p{Cc}/u);
      expect(plainText(text).replaceAll(/[\n\t]/g, "")).not.toMatch(/\p{Cc}/u);
    }),
  );
});
