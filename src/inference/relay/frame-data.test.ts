import { expect, test } from "bun:test";
import { dataOf } from "./frame-data.ts";

test.each(["\n", "\r\n", "\r"])("frames whose lines end with %j are all read", (eol) => {
  const frames = ['data: {"a":1}', ": ping", "", "event: x", "data: {", 'data:"b":2}', "", "data: [DONE]", "", "", 'data: {"c":3}', "", ""];
  expect(dataOf(Buffer.from(frames.join(eol)))).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
  expect(dataOf(Buffer.from(`data: 4${eol}`))).toEqual([4]);
});
