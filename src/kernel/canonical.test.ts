import { expect, test } from "bun:test";
import { canonical } from "./canonical.ts";
import { rawJSON } from "./raw-json.ts";

test("values are equal when their texts are, whatever the order of their keys", () => {
  expect(canonical({ b: [1, { d: undefined, c: null }], a: "x" })).toBe('{"a":"x","b":[1,{"c":null}]}');
});

test("a number that is kept as it was written is that number, and no object", () => {
  expect(canonical({ n: rawJSON("9007199254740993") })).toBe('{"n":9007199254740993}');
  expect(canonical({ n: { rawJSON: "9007199254740993" } })).not.toBe(canonical({ n: rawJSON("9007199254740993") }));
});
