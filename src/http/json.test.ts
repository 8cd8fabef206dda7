import { expect, test } from "bun:test";
import { parseJson } from "./json.ts";

test("a body of nothing but small objects is refused before a check looks at each of them", () => {
  const many = (count: number): string => `{"messages":[${Array(count).fill("{}").join(",")}]}`;
  expect(parseJson(many(99_998))).toMatchObject({ messages: expect.any(Array) });
  expect(() => parseJson(many(99_999))).toThrow("more than 100000 objects and lists");
});

test("values that are neither are not counted", () => {
  const tokens = Array.from({ length: 300_000 }, (_, n) => n);
  expect(parseJson(JSON.stringify({ input: tokens }))).toEqual({ input: tokens });
});
