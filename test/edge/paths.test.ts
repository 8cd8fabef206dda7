import { expect, test } from "bun:test";
import { ADDED, answer, request, sharedEdge, withoutIds } from "./rig.ts";

const edge = sharedEdge();

/** [as the client writes it, as every target reads it] */
const CANONICAL: readonly (readonly [string, string])[] = [
  ["/", "/"],
  ["//path", "/path"],
  ["////path//more", "/path//more"],
  ["/a/%2e%2e/b", "/b"],
  ["/a/%2E./b", "/b"],
  ["/a/./b", "/a/b"],
  ["/a/b/..", "/a/"],
  ["/a/%2e", "/a/"],
  ["/a/../b?c=/../d", "/b?c=/../d"],
  ["/..a/...", "/..a/..."],
  ["/a%2Fb", "/a%2Fb"],
  ["/a%2fb%20c%7E", "/a%2fb%20c%7E"],
  ["/a;b=c/d", "/a;b=c/d"],
  ["/?", "/?"],
  ["/a?%00%2e%2e", "/a?%00%2e%2e"],
  ["/[]|{}^", "/[]|{}^"],
];

test("a path reaches the target in its one canonical form", async () => {
  await using way = await edge.way();
  for (const [sent, read] of CANONICAL) {
    const client = way.ask(`GET ${sent} HTTP/1.1`, "Connection: close");
    const target = await way.target.next();
    expect(withoutIds(target.text)).toBe(`${[`GET ${read} HTTP/1.1`, "Host: a.example", ...ADDED].join("\r\n")}\r\n\r\n`);
    target.write(answer("done", "Connection: close"));
    await client.until("done");
  }
});

test("* and every method that is a token pass", async () => {
  await using way = await edge.way();
  for (const line of ["OPTIONS * HTTP/1.1", "PROPFIND /x HTTP/1.1", "patch /x HTTP/1.1", "M-SEARCH /x HTTP/1.1"]) {
    const client = way.ask(line, "Connection: close");
    const target = await way.target.next();
    expect(target.text).toStartWith(`${line}\r\nHost: a.example\r\n`);
    target.write(answer("done", "Connection: close"));
    await client.until("done");
  }
});

test("absolute-form: its authority chooses the front and becomes the Host, whatever Host says", async () => {
  await using one = await edge.way({ hosts: ["one.example"] });
  const { listen } = one.front;
  await using two = await edge.way({ hosts: ["two.example"], listen });
  for (const [sent, read] of [
    ["http://two.example/path?q", "GET /path?q HTTP/1.1\r\nHost: two.example\r\n"],
    ["HTTP://TWO.example:8080", "GET / HTTP/1.1\r\nHost: TWO.example:8080\r\n"],
    ["http://two.example?q", "GET /?q HTTP/1.1\r\nHost: two.example\r\n"],
    ["https://two.example//a/%2e%2e/b", "GET /b HTTP/1.1\r\nHost: two.example\r\n"],
  ] as const) {
    const client = one.say(`GET ${sent} HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n`);
    const target = await two.target.next();
    expect(target.text).toStartWith(read);
    expect(target.text).toContain(`X-Forwarded-Host: two.example${sent.includes("8080") ? ":8080" : ""}\r\n`);
    target.write(answer("two", "Connection: close"));
    await client.until("two");
  }
  const old = one.say("GET http://two.example/ HTTP/1.0\r\n\r\n");
  const target = await two.target.next();
  expect(target.text).toStartWith("GET / HTTP/1.1\r\nHost: two.example\r\n");
  target.write(answer("two"));
  await old.untilEnd();
  expect(one.target.connections.length).toBe(0);
});

test("a Host chooses the front: exactly, by one label of a wildcard, in any case, with its port or last dot, else the one for all", async () => {
  await using exact = await edge.way({ hosts: ["one.example"] });
  const { listen } = exact.front;
  await using wild = await edge.way({ hosts: ["*.one.example"], listen });
  await using rest = await edge.way({ listen });
  for (const [host, way] of [
    ["one.example", exact],
    ["ONE.Example:8080", exact],
    ["one.example.", exact],
    ["a.one.example", wild],
    ["a.b.one.example", rest],
    ["127.0.0.1", rest],
  ] as const) {
    const client = exact.say(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const target = await way.target.next();
    expect(target.text).toContain(`Host: ${host}\r\n`);
    target.write(answer("done", "Connection: close"));
    await client.until("done");
  }
});

test("one connection may ask for several hosts", async () => {
  await using one = await edge.way({ hosts: ["one.example"] });
  await using two = await edge.way({ hosts: ["two.example"], listen: one.front.listen });
  const client = one.say("GET / HTTP/1.1\r\nHost: one.example\r\n\r\nGET / HTTP/1.1\r\nHost: two.example\r\n\r\n");
  (await one.target.next()).write(answer("one"));
  (await two.target.next()).write(answer("two"));
  expect(await client.until("two")).toBe(answer("one") + answer("two"));
  client.write(request());
  expect(await client.until("no_such_host")).toContain("HTTP/1.1 404 Not Found\r\n");
});
