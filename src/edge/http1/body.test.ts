import { describe, expect, test } from "bun:test";
import { bodyScanner, dechunk } from "./body.ts";
import { MAX_EXTENSION_BYTES } from "./chunked.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

describe("the end of a body", () => {
  test("none: at once", () => expect(bodyScanner({ kind: "none" }).scan(bytes("GET"))).toEqual({ consumed: 0, done: true }));
  test("length 0: at once", () => expect(bodyScanner({ kind: "length", bytes: 0 }).scan(bytes(""))).toEqual({ consumed: 0, done: true }));
  test("length: after so many bytes", () => {
    const scanner = bodyScanner({ kind: "length", bytes: 5 });
    expect([scanner.scan(bytes("hel")), scanner.scan(bytes("loGET"))]).toEqual([
      { consumed: 3, done: false },
      { consumed: 2, done: true },
    ]);
  });
  test("until-close: never", () => expect(bodyScanner({ kind: "until-close" }).scan(bytes("abc"))).toEqual({ consumed: 3, done: false }));
  test("chunked: after the trailers", () => {
    const text = `5;x="y z"\r\nhello\r\n0000000000005\r\nabcde\r\n00\r\nX-T: 1\r\nEtag: "2"\r\n\r\n`;
    expect(bodyScanner({ kind: "chunked" }).scan(bytes(`${text}GET`))).toEqual({ consumed: text.length, done: true });
  });
  test("a chunk of 2^52 - 1 bytes is begun without being counted wrongly", () => {
    expect(bodyScanner({ kind: "chunked" }).scan(bytes("fffffffffffff\r\nabc"))).toEqual({ consumed: 18, done: false });
    expect(bodyScanner({ kind: "chunked" }).scan(bytes("10000000000000\r\nabc"))).toMatchObject({ refused: { code: "chunk_too_large" } });
  });
  test("extensions are bounded for each chunk", () => {
    const chunk = (length: number): string => `1;${"a".repeat(length)}\r\nx\r\n`;
    const long = chunk(MAX_EXTENSION_BYTES);
    expect(bodyScanner({ kind: "chunked" }).scan(bytes(long.repeat(40)))).toMatchObject({ done: false });
    expect(bodyScanner({ kind: "chunked" }).scan(bytes(chunk(MAX_EXTENSION_BYTES + 1)))).toMatchObject({ refused: { status: 400 } });
  });
  test("after a refusal everything is refused", () => {
    const scanner = bodyScanner({ kind: "chunked" });
    expect(scanner.scan(bytes("x"))).toHaveProperty("refused");
    expect(scanner.scan(bytes("0\r\n\r\n"))).toHaveProperty("refused");
  });
  test("after the end nothing is consumed", () => {
    const scanner = bodyScanner({ kind: "chunked" });
    expect(scanner.scan(bytes("0\r\n\r\n"))).toEqual({ consumed: 5, done: true });
    expect(scanner.scan(bytes("0\r\n\r\n"))).toEqual({ consumed: 0, done: true });
  });
});

test("dechunk gives the payload as slices of what it got, without trailers", () => {
  const given = bytes("5;a\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX: y\r\n\r\nGET");
  const scan = dechunk().scan(given);
  if ("refused" in scan) throw new Error(scan.refused.detail);
  expect([Buffer.concat(scan.payload).toString(), scan.done, given.subarray(scan.consumed).toString()]).toEqual([
    "hello world",
    true,
    "GET",
  ]);
  expect(scan.payload.every((slice) => slice.buffer === given.buffer)).toBe(true);
});
