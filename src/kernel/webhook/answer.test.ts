import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_ANSWER_BYTES, readAnswer, type WebhookAnswer } from "./answer.ts";

/** As it comes over the wire, cut anywhere. */
function read(text: string, cuts: readonly number[] = []): WebhookAnswer | undefined {
  for (const cut of [...cuts].toSorted((a, b) => a - b)) {
    const found = readAnswer(text.slice(0, cut), false);
    if (found) return found;
  }
  return readAnswer(text, true);
}

test("a head is enough, past those of 1xx, however it is cut", () => {
  const text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\nx: y\r\n\r\n";
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      expect(read(text, cuts)).toEqual({ status: 204, reason: "No Content" });
    }),
  );
  expect(readAnswer("HTTP/1.0 200\r\n\r\nbody", false)).toEqual({ status: 200, reason: "" });
  expect(readAnswer("HTTP/1.1 200 O\u001b[31mK\r\n\r\n", false)).toEqual({ status: 200, reason: "OK" });
});

test("what is no answer is said, without what drives a terminal", () => {
  expect(read("")).toEqual({ problem: "the connection was closed without an answer" });
  expect(read("HTTP/1.1 200 OK\r\nx: y")).toEqual({ problem: expect.stringContaining("closed within the head") });
  expect(read("SSH-2.0-\u001b[2J\r\n")).toEqual({ problem: 'the answer is not HTTP/1.1: it begins with "SSH-2.0-"' });
  expect(read("HTTP/1.1 2x0 OK\r\n\r\n")).toEqual({ problem: expect.stringContaining("not HTTP/1.1") });
  expect(readAnswer(`HTTP/1.1 200 OK\r\n${"x".repeat(MAX_ANSWER_BYTES)}`, false)).toEqual({
    problem: expect.stringContaining("is larger than"),
  });
});

test("any bytes are read, or said to be none", () => {
  const latin1 = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
  fc.assert(
    fc.property(latin1, (text) => {
      expect(read(text)).toBeDefined();
      expect(read(`HTTP/1.${text}`)).toBeDefined();
    }),
  );
});
