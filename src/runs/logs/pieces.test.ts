import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogLine } from "../ports.ts";
import { MAX_RECORD_CHARS, piecesOf } from "./pieces.ts";

test("a line in pieces is the same line: none too long, no character halved, the place only on the last", () => {
  const unit = fc.constantFrom("a", "ä", "😀", "\n");
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 9 }), fc.nat({ max: 40_000 }), (units, times) => {
      const message = units.join("").repeat(times);
      const line: LogLine = { at: 1, step: "a", attempt: 1, source: "stdout", message, offset: 7 };
      const pieces = piecesOf(line);
      expect(pieces.map((piece) => piece.message).join("") === message).toBe(true);
      expect(pieces.every((piece) => piece.message.length <= MAX_RECORD_CHARS && piece.message.isWellFormed())).toBe(true);
      expect(pieces.map(({ offset }) => offset)).toEqual([...pieces.slice(1).map(() => undefined), 7]);
    }),
    { numRuns: 50 },
  );
});
