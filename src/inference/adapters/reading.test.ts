import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../kernel/event.ts";
import { readCompletion } from "./llamacpp.ts";
import { readOpenAi, type Reading } from "./reading.ts";
import { readGenerated } from "./tgi.ts";

const END = { text: "", aside: false };
/** The last frame of each kind of stream, with what it says of the tokens and of the end. */
const LAST: Readonly<Record<string, (said: { tokensIn: Json; tokensOut: Json; why: Json }) => Reading>> = {
  openai: ({ tokensIn, tokensOut, why }) =>
    readOpenAi({ choices: [{ index: 0, finish_reason: why }], usage: { prompt_tokens: tokensIn, completion_tokens: tokensOut } }),
  llamacpp: ({ tokensIn, tokensOut, why }) =>
    readCompletion({ content: "", stop: true, stop_type: why, tokens_evaluated: tokensIn, tokens_predicted: tokensOut }),
  tgi: ({ tokensIn, tokensOut, why }) =>
    readGenerated({ generated_text: "x", details: { finish_reason: why, generated_tokens: tokensOut, input_length: tokensIn } }),
};

describe.each(Object.entries(LAST))("the end of %s", (_, read) => {
  test.each([-1, -1e9, 0.5, 1e300, Number.MAX_SAFE_INTEGER + 1, Infinity, Number.NaN, "7", null, {}])(
    "with %p tokens counts as if it had not said",
    (wrong) => {
      const one = read({ tokensIn: wrong, tokensOut: 3, why: "stop" });
      expect([one.tokensIn, one.tokensOut]).toEqual([undefined, 3]);
      const other = read({ tokensIn: 0, tokensOut: wrong, why: "stop" });
      expect([other.tokensIn, other.tokensOut]).toEqual([0, undefined]);
    },
  );

  test("has a short word, whatever the engine calls it", () => {
    const words = fc.oneof(fc.string({ maxLength: 200 }), fc.constantFrom("constructor", "__proto__", "toString", "x".repeat(500_000)));
    const isShort = fc.property(words, (why) => {
      const { finish = "" } = read({ tokensIn: 1, tokensOut: 1, why });
      expect(typeof finish).toBe("string");
      expect(finish.length).toBeLessThanOrEqual(64);
      expect(finish.isWellFormed()).toBe(true);
    });
    fc.assert(isShort);
  });
});

test("a choice that has not ended has no word for it", () => {
  expect(readOpenAi({ choices: [{ index: 0, finish_reason: null }] })).toEqual(END);
});
