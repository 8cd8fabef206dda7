import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { OrcoError } from "./errors.ts";
import { parseStrictJson } from "./strict-json.ts";

const limits = { where: "orco.app.json", maxBytes: 4096 };

function problemOf(text: string): unknown {
  try {
    parseStrictJson(text, limits);
    return undefined;
  } catch (error) {
    return error instanceof OrcoError ? (error.facts["errors"] ?? error.code) : error;
  }
}

test("whatever JSON can say is read as JSON.parse reads it", () => {
  const noProto = (value: unknown): boolean => !JSON.stringify(value).includes("__proto__");
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }).filter(noProto), (value) => {
      const text = JSON.stringify(value);
      expect(parseStrictJson(text, { where: "x", maxBytes: 1e9 })).toEqual(JSON.parse(text));
    }),
  );
  expect(parseStrictJson("\uFEFF{}", limits)).toEqual({});
});

test("a key given twice is found wherever it is, however it is spelt", () => {
  expect(problemOf('{"port": 1, "env": {"A": "1", "\\u0041": "2"}}')).toEqual([
    { pointer: "/env/A", detail: 'the key "A" is given twice' },
  ]);
  expect(problemOf('{"a": [{"x": 1}, {"b/c": 1, "b/c": 2}]}')).toEqual([{ pointer: "/a/1/b~1c", detail: 'the key "b/c" is given twice' }]);
  expect(problemOf('{"a": ["{", "a", "a"], "b": {"a": "a"}}')).toBeUndefined();
});

test("what is no JSON, too deep or too large is refused by name", () => {
  expect(problemOf("  ")).toEqual([{ pointer: "", detail: "the file is empty" }]);
  expect(problemOf("{port: 1}")).toEqual([{ pointer: "", detail: expect.stringContaining("not JSON") }]);
  expect(problemOf(`${"[".repeat(70)}${"]".repeat(70)}`)).toEqual([expect.objectContaining({ detail: "nested deeper than 64 levels" })]);
  expect(problemOf('{"__proto__": {}}')).toEqual([{ pointer: "/__proto__", detail: "the key __proto__ is not allowed" }]);
  expect(problemOf(`"${"x".repeat(5000)}"`)).toBe("too_large");
});
