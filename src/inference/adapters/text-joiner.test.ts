import { expect, test } from "bun:test";
import fc from "fast-check";
import { TextJoiner, textOf } from "./text-joiner.ts";

const characters = fc.array(fc.constantFrom("a", "é", "€", "🙂", "\ufffd", " the"), { maxLength: 12 }).map((parts) => parts.join(""));
const cuts = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });

test("bytes of characters that come in pieces are put together, in whole characters", () => {
  fc.assert(
    fc.property(characters, cuts, (text, cuts) => {
      const bytes = Buffer.from(text);
      const joiner = new TextJoiner();
      const joined: string[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const to = at + (cuts[turn % cuts.length] ?? 1);
        joined.push(joiner.join(textOf(bytes, at, Math.min(to, bytes.length))));
        at = to;
      }
      joined.push(joiner.rest());
      expect(joined.join("")).toBe(text);
      expect(joined.every((part) => part.isWellFormed())).toBe(true);
    }),
  );
});

test("halves of a pair of UTF-16 are put together", () => {
  const joiner = new TextJoiner();
  expect(["a\ud83d", "\ude42b"].map((part) => joiner.join(part))).toEqual(["a", "🙂b"]);
  expect(joiner.rest()).toBe("");
});

test("what never becomes a character is shown as such", () => {
  const bytes = new TextJoiner();
  expect(bytes.join(textOf(Buffer.from([0x61, 0xf0, 0x9f]), 0, 3)) + bytes.rest()).toBe("a\ufffd");
  const halves = new TextJoiner();
  expect(halves.join("a\ud83d") + halves.rest()).toBe("a\ufffd");
  const joiner = new TextJoiner();
  expect(joiner.join("\ude42x") + joiner.rest()).toBe("\ufffdx");
});
