import { expect, test } from "bun:test";
import { linearPattern } from "./pattern.ts";

test("what no linear engine has is named; any other mistake is told as it is", () => {
  const hint = "lookaround and backreferences are not supported";
  for (const pattern of ["(?=x)", "a(?!x)", "(?<=x)y", "(?<!x)y", "(a)\\1", "(?<n>a)\\k<n>", "(?P=n)", "(?>a)"])
    expect(() => linearPattern(pattern)).toThrow(hint);
  for (const pattern of ["[", "a**", "\\y", "(a"]) {
    expect(() => linearPattern(pattern)).toThrow(SyntaxError);
    expect(() => linearPattern(pattern)).not.toThrow(hint);
  }
  expect(linearPattern("(?i)ready(?: now)?").test("READY now")).toBe(true);
});
