import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { cut, MAX_LINE_BYTES } from "./cut.ts";
import { REDACTED, Redactor } from "./redact.ts";

const SECRET = "s3cr/t+pä$$ w";

test("exact, JSON-escaped and URL-encoded forms go", () => {
  const { clean } = new Redactor([SECRET, 'quo"te\\d']);
  expect(clean(`a ${SECRET} b ${SECRET}${SECRET}`)).toBe(`a ${REDACTED} b ${REDACTED}`);
  expect(clean(`x=${encodeURIComponent(SECRET)}&y=${new URLSearchParams({ y: SECRET }).toString().slice(2)}`)).toBe(
    `x=${REDACTED}&y=${REDACTED}`,
  );
  expect(clean(JSON.stringify({ k: 'quo"te\\d' }))).toBe(`{"k":"${REDACTED}"}`);
});

test("base64 goes whatever surrounds the secret inside it", () => {
  const { clean } = new Redactor(["correct horse"]);
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom("base64" as const, "base64url" as const), (before, after, encoding) => {
      const text = Buffer.from(`${before}correct horse${after}`).toString(encoding);
      expect(clean(text)).toContain(REDACTED);
      expect(Buffer.from(clean(text).replace(REDACTED, ""), "base64").toString()).not.toContain("correct horse");
    }),
  );
});

test("of base64 nothing is left that depends on the secret's end, and nothing is taken that does not", () => {
  const secret = fc
    .string({ minLength: 6, maxLength: 40 })
    .filter((text) => text.trim() === text && text.isWellFormed() && !/[\r\n]/.test(text));
  const encoding = fc.constantFrom("base64" as const, "base64url" as const);
  fc.assert(
    fc.property(secret, fc.uint8Array(), fc.uint8Array(), encoding, (text, before, after, how) => {
      const { clean } = new Redactor([text]);
      const bytes = Buffer.from(text);
      const encoded = Buffer.concat([before, bytes, after]).toString(how);
      // From the character on that holds nothing of the secret any more; padding belongs to the last one.
      const end = Math.ceil(((before.length + bytes.length) * 8) / 6);
      const rest = after.length === 0 ? "" : encoded.slice(end);
      const begin = Math.ceil((before.length * 8) / 6);
      const cleaned = clean(`<${encoded}> tail`);
      if (clean(encoded.slice(0, begin)) === encoded.slice(0, begin) && clean(rest) === rest)
        expect(cleaned).toBe(`<${encoded.slice(0, begin)}${REDACTED}${rest}> tail`);
    }),
  );
  const { clean } = new Redactor(["hunter2-secret-1"]);
  expect(clean("YWRtaW46aHVudGVyMi1zZWNyZXQtMQ== b")).not.toMatch(/\][^ ]/);
  expect(clean(`${Buffer.from("hunter2-secret-1").toString("base64").slice(0, -3)}z= b`)).toBe(`${REDACTED}z= b`);
});

test("a line is never split between base64 and the character that holds the last bits", () => {
  const redactor = new Redactor(["hunter2-secret-1"]);
  const encoded = Buffer.from(Buffer.from("hunter2-secret-1").toString("base64"));
  for (let shift = -2; shift <= encoded.length + 2; shift++) {
    const line = Buffer.alloc(MAX_LINE_BYTES + 100, 0x2e);
    encoded.copy(line, MAX_LINE_BYTES - shift);
    line[line.length - 1] = 10;
    const first = cut(line, { midline: false, final: false, redactor });
    if (first.kind !== "piece") throw new Error(`not split: ${first.kind}`);
    const pieces = [line.subarray(0, first.end), line.subarray(first.next)].map((piece) => redactor.clean(piece.toString()));
    expect(pieces.join("").replace(/\.+/g, "")).toBe(`${REDACTED}\n`);
  }
});

test("of overlapping secrets nothing is left", () => {
  expect(new Redactor(["abcdef", "defghi"]).clean("xabcdefghiy")).toBe(`x${REDACTED}y`);
});

test("secrets of several lines go line by line; short ones stay", () => {
  const { clean } = new Redactor(["-----BEGIN-----\nMIIabc\nxyz\n-----END-----\n", "abc"]);
  expect(["-----BEGIN-----", "MIIabc", "xyz", "abc"].map(clean)).toEqual([REDACTED, REDACTED, "xyz", "abc"]);
});

test("a line is never split inside a secret, wherever it lies around the border", () => {
  const redactor = new Redactor([SECRET]);
  const secret = Buffer.from(SECRET);
  for (let shift = -2; shift <= secret.length + 2; shift++) {
    const line = Buffer.alloc(MAX_LINE_BYTES + 100, 0x78);
    secret.copy(line, MAX_LINE_BYTES - shift);
    line[line.length - 1] = 10;
    const first = cut(line, { midline: false, final: false, redactor });
    if (first.kind !== "piece") throw new Error(`not split: ${first.kind}`);
    const pieces = [line.subarray(0, first.end), line.subarray(first.next)].map((piece) => redactor.clean(piece.toString()));
    expect(first.end).toBeLessThanOrEqual(MAX_LINE_BYTES);
    expect(pieces.join("").split(REDACTED).length).toBe(2);
    expect(pieces.join("").replace(/x+/g, "")).toBe(`${REDACTED}\n`);
  }
});
