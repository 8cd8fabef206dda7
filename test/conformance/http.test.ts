import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseReply } from "../../conformance/deploy/http.ts";
import { fill } from "../../conformance/deploy/implementation.ts";

describe("an answer of the proxy", () => {
  test.each([
    ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", { status: 200, body: "hello", last: false }],
    [
      "in chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
      { body: "hello", last: false },
    ],
    ["after 103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", { status: 204, body: "" }],
    ["that closes", "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", { status: 503, body: "", last: true }],
  ])("%s is whole at its last byte, and no earlier", (_, text, wanted) => {
    expect(parseReply(text, false)).toMatchObject(wanted);
    fc.assert(fc.property(fc.integer({ min: 0, max: text.length - 1 }), (cut) => parseReply(text.slice(0, cut), false) === undefined));
  });

  test("without a length ends with the connection", () => {
    const text = "HTTP/1.0 200 OK\r\n\r\nall";
    expect(parseReply(text, false)).toBeUndefined();
    expect(parseReply(text, true)).toMatchObject({ body: "all", last: true });
  });

  test("torn is never whole, however it ends", () => {
    expect(parseReply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true)).toBeUndefined();
    expect(parseReply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", true)).toBeUndefined();
    expect(() => parseReply("SSH-2.0\r\n\r\n", true)).toThrow("not an HTTP answer");
  });
});

describe("placeholders", () => {
  test("are quoted for the shell", () => {
    expect(fill("run --repo {repo} --port {port}", { repo: "/tmp/it's here", port: 1 })).toBe(
      String.raw`run --repo '/tmp/it'\''s here' --port '1'`,
    );
  });

  test("that do not exist are named", () => {
    expect(() => fill("run {rpeo}", { repo: "/r" })).toThrow("{rpeo} is not known; there are {repo}");
  });
});
