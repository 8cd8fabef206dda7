import { describe, expect, test } from "bun:test";
import { fit, oneLine, sanitizeText } from "./sanitize.ts";

describe("sanitizeText", () => {
  const rows: [string, string, string][] = [
    ["plain text", "200 OK /health", "200 OK /health"],
    ["a colour", "\x1b[31mred\x1b[0m", "red"],
    ["cursor movement", "a\x1b[2J\x1b[1;1Hb", "ab"],
    ["a window title (BEL)", "a\x1b]0;owned\x07b", "ab"],
    ["a clipboard write (ST)", "a\x1b]52;c;aGk=\x1b\\b", "ab"],
    ["a title without an end", "a\x1b]0;owned forever", "a"],
    ["an 8-bit OSC", "a\x9d0;owned\x9cb", "ab"],
    ["an 8-bit CSI", "a\x9b31mb", "ab"],
    ["DCS, APC, PM, SOS", "a\x1bPq\x1b\\\x1b_x\x1b\\\x1b^y\x1b\\\x1bXz\x1b\\b", "ab"],
    ["a charset switch", "a\x1b(0b", "ab"],
    ["a full reset", "a\x1bcb", "ab"],
    ["a lone escape at the end", "a\x1b", "a"],
    ["a CSI cut short", "a\x1b[12", "a"],
    ["bell, backspace, carriage return", "a\x07\x08\rb", "ab"],
    ["a right-to-left override", "pay \u202e001\u202c to ada", "pay 001 to ada"],
    ["each control of direction", "a\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b", "ab"],
    ["letters that are written from right to left", "שלום", "שלום"],
    ["tab and newline", "a\tb\nc", "a\tb\nc"],
    ["an OSC nested in an OSC", "a\x1b]0;x\x1b]52;c;y\x07b", "ab"],
  ];
  test.each(rows)("%s", (_name, input, output) => expect(sanitizeText(input)).toBe(output));

  test("colours stay where asked for and are closed", () => {
    expect(sanitizeText("\x1b[1;31mred\x1b[2J", { color: true })).toBe("\x1b[1;31mred\x1b[0m");
    expect(sanitizeText("plain", { color: true })).toBe("plain");
  });

  test("nothing that drives a terminal is left of any two-character sequence", () => {
    for (let code = 0; code < 256; code++) {
      // oxlint-disable-next-line no-control-regex -- that is what is looked for
      expect(sanitizeText(`\x1b${String.fromCharCode(code)}x`)).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
    }
  });

  test("a megabyte of escapes takes linear time", () => {
    expect(sanitizeText("\x1b]".repeat(500_000))).toBe("");
    expect(sanitizeText("\x1b[".repeat(500_000))).toBe("");
  });
});

test("oneLine has no newline or tab", () => expect(oneLine("a\n\tb\x1b[31m")).toBe("a b"));

describe("fit", () => {
  test("short text is as it was", () => expect(fit("abc", 3)).toBe("abc"));
  test("long text ends with an ellipsis", () => expect(fit("abcdef", 4)).toBe("abc…"));
  test("wide characters count twice and are not split", () => expect(fit("日本語テキスト", 6)).toBe("日本…"));
  test("no room, no text", () => expect(fit("abc", 0)).toBe(""));
});
