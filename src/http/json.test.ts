import { describe, expect, test } from "bun:test";
import { parseExactly, parseJson } from "./json.ts";

test("a body of nothing but small objects is refused before a check looks at each of them", () => {
  const many = (count: number): string => `{"messages":[${Array(count).fill("{}").join(",")}]}`;
  expect(parseJson(many(99_998))).toMatchObject({ messages: expect.any(Array) });
  expect(() => parseJson(many(99_999))).toThrow("more than 100000 objects and lists");
});

test("values that are neither are not counted", () => {
  const tokens = Array.from({ length: 300_000 }, (_, n) => n);
  expect(parseJson(JSON.stringify({ input: tokens }))).toEqual({ input: tokens });
});

describe("numbers that no double holds", () => {
  test.each([
    ['{"id":9007199254740993,"n":1}', '{"id":9007199254740993,"n":1}'],
    ['[-12345678901234567890, [{"a": 1e400}], -1E+999]', '[-12345678901234567890,[{"a":1e400}],-1E+999]'],
    ['{"p":0.12345678901234567890,"q":0.5}', '{"p":0.12345678901234567890,"q":0.5}'],
    ["[1234567890.1234567890,123456789012345.6789]", "[1234567890.1234567890,123456789012345.6789]"],
    ["[1e-400,1.23456789e-320]", "[1e-400,1.23456789e-320]"],
  ])("are kept as they are written: %s", (text, kept) => {
    const { value, exact } = parseExactly(text);
    expect(value).toEqual(JSON.parse(text));
    expect(JSON.stringify(exact)).toBe(kept);
  });

  test.each([
    ['{"id":"9007199254740993","n":9007199254740992}'],
    ['{"t":1e3,"u":1.10,"v":[0.1234567890123456]}'],
    ["[1e300,1.5e-300,0e-400,0.000000000000000,100000000000000000000000]"],
    ['{"text":"1e400 and \\"12345678901234567890\\""}'],
  ])("are not there: %s", (text) => {
    expect(parseExactly(text)).toEqual({ value: JSON.parse(text) });
  });

  test("are not looked for among so many values that it would hold up everything else", () => {
    const text = `[${Array(100_000).fill("1").join(",")},9007199254740993]`;
    expect(Object.keys(parseExactly(text))).toEqual(["value"]);
  });

  test.each([
    ["many values", `[${Array(100_000).fill('"\\\\\\" , "').join(",")}]`],
    ["a list in a list", `${"[".repeat(5000)}${"]".repeat(5000)}`],
  ])("are not looked for where a key comes twice and hid %s", (_, hidden) => {
    const text = `{"a":${hidden},"a":9007199254740993}`;
    expect(parseExactly(text)).toEqual({ value: { a: 9007199254740992 } });
  });

  test("are found behind texts with quotes in them", () => {
    const text = '{"t":"\\\\","u":"a\\"[","v":"","n":9007199254740993}';
    expect(JSON.stringify(parseExactly(text).exact)).toBe(text);
  });
});
