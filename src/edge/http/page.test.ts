import { expect, test } from "bun:test";
import { FAILURES, type PageFor, pageOf } from "./page.ts";

const asked: PageFor = { method: "GET", version: 1, accept: "*/*", requestId: "r-1", keepAlive: true };

function read(bytes: Buffer): { head: string; body: string } {
  const [head = "", body = ""] = bytes.toString().split("\r\n\r\n");
  return { head, body };
}

test("a program gets problem+json with the code and the id of the request", () => {
  const { head, body } = read(pageOf(FAILURES.no_target, asked));
  expect(head).toStartWith("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n");
  expect(head).toContain("\r\nX-Orco-Error: no_target\r\n");
  expect(JSON.parse(body)).toMatchObject({ status: 503, code: "no_target", request_id: "r-1" });
});

test("a browser gets a small page", () => {
  const page = pageOf(FAILURES.target_closed, { ...asked, accept: "text/html,application/xhtml+xml;q=0.9" });
  const { head, body } = read(page);
  expect(head).toContain("Content-Type: text/html; charset=utf-8");
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  expect(body).toContain("502 Bad Gateway");
  expect(body).toContain("r-1");
  expect(page.length).toBeLessThan(1200);
});

test("an id that somebody made up cannot carry markup into the page", () => {
  const { body } = read(pageOf(FAILURES.no_target, { ...asked, accept: "text/html", requestId: "<script>" }));
  expect(body).not.toContain("<script>");
});

test("HEAD gets the same head and no body", () => {
  const { head, body } = read(pageOf(FAILURES.no_such_host, { ...asked, method: "HEAD" }));
  expect(head).toMatch(/Content-Length: [1-9]/);
  expect(body).toBe("");
});

test("the end of the connection is said; to an HTTP/1.0 client also that it goes on", () => {
  expect(read(pageOf(FAILURES.no_target, { ...asked, keepAlive: false })).head).toContain("Connection: close");
  expect(read(pageOf(FAILURES.no_target, { ...asked, version: 0 })).head).toContain("Connection: keep-alive");
  expect(read(pageOf(FAILURES.no_target, asked)).head).not.toContain("Connection:");
});
