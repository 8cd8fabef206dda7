import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { asSeen, Prefixes } from "./normalise.ts";

function stripped(...lines: string[]): string[] {
  const { strip } = new Prefixes();
  return lines.map((line) => strip(asSeen(line)));
}

describe("what is seen of a line", () => {
  test.each([
    ["\u001b[31mERROR\u001b[0m: no", "ERROR: no"],
    ["\u009b31mERROR\u009b0m: no", "ERROR: no"],
    ["\u001b]0;title\u0007text", "text"],
    ["\u009d8;;http://x\u009clink", "link"],
    ["10%\r 50%\r100% done", "100% done"],
    ["kept\r", "kept"],
    ["a\u0000b\u202ec", "abc"],
  ])("%j is %j", (raw, seen) => {
    expect(asSeen(raw)).toBe(seen);
  });

  test("never holds what drives a terminal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (raw) => {
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(asSeen(raw)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe("prefixes", () => {
  test.each([
    ["#12 3.456 /bin/sh: 1: gcc: not found", "/bin/sh: 1: gcc: not found"],
    ["#8 [builder 3/5] RUN pip install x", "RUN pip install x"],
    ["#8 [linux/amd64 builder 3/5] RUN make", "RUN make"],
    ["api-1  | Traceback (most recent call last):", "Traceback (most recent call last):"],
    ["api_1  | ready", "ready"],
    ["shop_api_1  |", ""],
    ["api-1  | 2024-05-05T10:00:00.123456789Z ready", "ready"],
    ["2024-05-05T10:00:00.123456789Z ready", "ready"],
    ["    5 | #include <Python.h>", "    5 | #include <Python.h>"],
    ["Package | Version", "Package | Version"],
    ["#include <x.h>", "#include <x.h>"],
    ["3.456 is a number", "3.456 is a number"],
  ])("%j is %j", (line, text) => {
    expect(stripped(line)).toEqual([text]);
  });

  test("the summary of a failed build: times go between its rules, and nowhere else", () => {
    const lines = ["------", " > [builder 3/5] RUN make:", "0.363 make: *** No rule", "#8 0.364 Error 2", "------", "0.5 is a number"];
    expect(stripped(...lines)).toEqual(["------", "RUN make:", "make: *** No rule", "Error 2", "------", "0.5 is a number"]);
  });

  test("an error is the same line whatever stands in front of it", () => {
    const prefix = fc.constantFrom("", "#7 1.234 ", "api-1  | ", "web_12 | ", "2024-05-05T10:00:00Z ", "\u001b[33mapi-1  | \u001b[0m");
    fc.assert(
      fc.property(prefix, (front) => {
        expect(stripped(`${front}E: Unable to locate package foo`)).toEqual(["E: Unable to locate package foo"]);
      }),
    );
  });
});
