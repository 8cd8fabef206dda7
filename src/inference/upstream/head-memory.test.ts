import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseResponse } from "../../edge/http1/head.ts";
import { HeadMemory } from "./head-memory.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const line = fc.constantFrom(
  "Content-Length: 3",
  "Content-Length: 4",
  "Transfer-Encoding: chunked",
  "Connection: close",
  "Date: x",
  "bad line",
);
const message = fc
  .tuple(fc.constantFrom("200 OK", "204 No Content", "404 Not Found", "100 Continue"), fc.array(line, { maxLength: 3 }), fc.string())
  .map(([status, lines, body]) => Buffer.from(`HTTP/1.1 ${status}\r\n${lines.map((text) => `${text}\r\n`).join("")}\r\n${body}`));

/** What callers look at. */
function seen(parsed: ReturnType<HeadMemory["parse"]>): unknown {
  if (parsed.kind !== "head") return parsed;
  const { status, framing, keepAlive, bytes, headers } = parsed.head;
  return { status, framing, keepAlive, bytes, headers };
}

describe("heads that were seen before", () => {
  test("say what they would say parsed anew, whatever came between", () => {
    const asked = fc.array(fc.tuple(message, fc.constantFrom("GET", "POST", "HEAD"), fc.nat(120)), { maxLength: 12 });
    fc.assert(
      fc.property(asked, (asked) => {
        const memory = new HeadMemory();
        for (const [whole, method, cut] of [...asked, ...asked]) {
          const bytes = cut < 40 ? whole : whole.subarray(0, cut);
          expect(seen(memory.parse(bytes, method))).toEqual(seen(parseResponse(bytes, { method })));
        }
      }),
    );
  });

  test("are one head", () => {
    const memory = new HeadMemory();
    const heads = ["a", "bb"].map((body) => memory.parse(Buffer.from(HEAD + body), "POST"));
    expect(heads[0]).toMatchObject({ kind: "head" });
    expect(heads.map((one) => one.kind === "head" && one.head)[1]).toBe(heads[0]?.kind === "head" && heads[0].head);
  });

  test("are kept though their bytes are written over", () => {
    const memory = new HeadMemory();
    const bytes = Buffer.from(HEAD);
    memory.parse(bytes, "POST");
    bytes.fill(0x20);
    expect(memory.parse(bytes, "POST").kind).not.toBe("head");
    expect(memory.parse(Buffer.from(HEAD), "POST")).toMatchObject({ kind: "head", head: { status: 200 } });
  });
});
