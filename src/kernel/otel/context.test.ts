import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseTraceparent, traceparentOf } from "./context.ts";

const GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

test("a traceparent is read as W3C says", () => {
  expect(parseTraceparent(GIVEN)).toEqual({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", flags: 1 });
  expect(parseTraceparent(GIVEN.replace(/^00/, "01") + "-more")?.flags).toBe(1);
  const bad = [
    undefined,
    "",
    "nonsense",
    GIVEN.toUpperCase(),
    GIVEN.replace(/^00/, "ff"),
    `${GIVEN}-more`,
    GIVEN.replace("b7ad6b7169203331", "0".repeat(16)),
    GIVEN.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
  ];
  for (const text of bad) expect([text, parseTraceparent(text)]).toEqual([text, undefined]);
});

test("a traceparent is written as it is read", () => {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: length, maxLength: length });
  fc.assert(
    fc.property(hex(31), hex(15), fc.integer({ min: 0, max: 255 }), (trace, span, flags) => {
      const context = { traceId: `${trace}1`, spanId: `${span}1`, flags };
      expect(parseTraceparent(traceparentOf(context))).toEqual(context);
    }),
  );
});
