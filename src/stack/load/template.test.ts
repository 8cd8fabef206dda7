import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { expand } from "./template.ts";

const vars: Record<string, string> = { A: "a", EMPTY: "", DEEP: "${A}" };
const lookup = (name: string): string | undefined => (Object.hasOwn(vars, name) ? vars[name] : undefined);

function problemOf(text: string): string | undefined {
  return expand(text, lookup).problems[0]?.message;
}

test.each([
  ["$A ${A} x$A", "a a xa"],
  ["${NO:-d} ${NO-d} ${EMPTY:-d} ${EMPTY-d}|", "d d d |"],
  ["${A:+y} ${A+y} ${EMPTY:+y}${EMPTY+y} ${NO+y}|", "y y y |"],
  ["${A:?m} ${EMPTY?m}|", "a |"],
  ["$$A $${A} $$$A", "$A ${A} $a"],
  ["${NO:-${ALSO-${A}b}}", "ab"],
  ["${A:-${NO}}", "a"],
  ["ready$ $(date) $1 $?", "ready$ $(date) $1 $?"],
  ["${DEEP}", "${A}"],
  ["${NO:-$$x}", "$x"],
])("%s becomes %s", (text, expanded) => {
  expect(expand(text, lookup)).toEqual({ text: expanded, problems: [] });
});

test.each([
  ["$NO", "variable NO is not set"],
  ["${NO:?give it}", "variable NO is not set: give it"],
  ["${EMPTY:?}", "variable EMPTY is empty"],
  ["${A", "${ without a closing }"],
  ["${}", "no variable name after ${"],
  ["${A%x}", "${A is followed by something that is no }, :-, :? or :+"],
])("%s is refused: %s", (text, message) => {
  expect(problemOf(text)).toBe(message);
});

test("every unset variable of a text is named", () => {
  expect(expand("$X ${Y} $A", lookup).problems.map(({ needle }) => needle)).toEqual(["$X", "${Y}"]);
});

test("nesting and length are bounded", () => {
  expect(problemOf("${N:-".repeat(5000))).toContain("MAX_DEFAULT_NESTING");
  expect(expand("$A".repeat(30), () => "x".repeat(100_000)).problems[0]?.message).toContain("MAX_TEXT");
});

test("never throws, and leaves text without $ alone", () => {
  const piece = fc.oneof(fc.constantFrom("$", "${", "}", ":-", ":?", "A", "$$", "+"), fc.string());
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("");
      const result = expand(text, lookup);
      if (!text.includes("$")) expect(result.text).toBe(text);
    }),
    { numRuns: 2000 },
  );
});
