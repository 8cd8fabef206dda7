import { expect, test } from "bun:test";
import { ADDED, answer, request, sharedEdge, withoutIds } from "./rig.ts";

const edge = sharedEdge({ trustedProxies: ["10.0.0.0/8"] });
const trusting = sharedEdge({ trustedProxies: ["127.0.0.0/8"] });

function head(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

test("a request goes on as it came: names, their case and order, repeats, 8-bit values, spaces, and nothing invented", async () => {
  await using way = await edge.way();
  const lines = [
    "GET /a?b HTTP/1.1",
    "hOST: a.example",
    "ACCEPT-encoding: br;q=1.0, gzip;q=0.8, *;q=0.1",
    "X-Empty:",
    "x-b:   two  spaces  ",
    "Cookie: a=b",
    "X-Utf8: \xc3\xa4\xe2\x82\xac",
    "cookie: c=d",
    "X-Custom_Name!: 1",
    "Authorization: Basic eDp5",
  ];
  const client = way.say(head(...lines));
  const target = await way.target.next();
  expect(withoutIds(target.text)).toBe(head(...lines, ...ADDED));
  target.write(answer("done"));
  await client.until("done");
});

test("an answer comes back as it was: no Date, Server or Content-Type of ours, Set-Cookie and others as often as they were", async () => {
  await using way = await edge.way();
  const client = way.ask();
  const target = await way.target.next();
  const body = Buffer.from(Bun.gzipSync(Buffer.from("hello"))).toString("latin1");
  const whole = head(
    "HTTP/1.1 299 Quite \xe4 reason",
    "set-cookie: a=1",
    "Set-Cookie: b=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
    "SET-COOKIE: a=1",
    "Content-Encoding: gzip",
    `content-LENGTH: ${body.length}`,
    "X-B:   two  spaces  ",
    "Vary: a",
    "Vary: b",
  );
  target.write(whole + body);
  expect(await client.until((peer) => peer.text.length >= whole.length + body.length)).toBe(whole + body);
});

test("what concerns one connection only stays there: Connection, what it lists, Keep-Alive, Proxy-*, TE", async () => {
  await using way = await edge.way();
  const client = way.say(
    head(
      "GET / HTTP/1.1",
      "Host: a.example",
      "Connection: keep-alive, X-Secret, x-other",
      "Keep-Alive: timeout=5",
      "X-Secret: 1",
      "X-Kept: 2",
      "Proxy-Connection: keep-alive",
      "Proxy-Authorization: Basic eDp5",
      "TE: gzip",
      "X-OTHER: 3",
      "Upgrade: websocket",
    ),
  );
  const target = await way.target.next();
  expect(withoutIds(target.text)).toBe(head("GET / HTTP/1.1", "Host: a.example", "X-Kept: 2", ...ADDED));
  target.write(
    head(
      "HTTP/1.1 200 OK",
      "Connection: keep-alive, X-Hop",
      "Keep-Alive: timeout=5",
      "X-Hop: 1",
      "Proxy-Authenticate: Basic",
      "X-Kept: 2",
      "Content-Length: 0",
    ),
  );
  expect(await client.until("\r\n\r\n")).toBe(head("HTTP/1.1 200 OK", "X-Kept: 2", "Content-Length: 0"));
});

test("Connection cannot take away what decides: Host, Content-Length and who asked", async () => {
  await using way = await edge.way();
  const list = "Connection: host, content-length, x-forwarded-for, x-forwarded-proto, x-forwarded-host, x-request-id, transfer-encoding";
  const client = way.say(`${request("POST / HTTP/1.1", list, "Content-Length: 5")}hello`);
  const target = await way.target.next();
  expect(withoutIds(await target.until("hello"))).toBe(`${head("POST / HTTP/1.1", "Host: a.example", "Content-Length: 5", ...ADDED)}hello`);
  target.write(answer("done"));
  await client.until("done");
});

const SPOOFED = [
  "X-Forwarded-For: 1.2.3.4",
  "x-forwarded-for: 5.6.7.8",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: evil.example",
  "X-Forwarded-Port: 443",
  "X-Forwarded-Prefix: /admin",
  "Forwarded: for=1.2.3.4",
];

test("who asked is told by the edge: spoofed forwarding headers are gone, also when spelled with underscores", async () => {
  await using way = await edge.way();
  const client = way.ask("GET / HTTP/1.1", ...SPOOFED, "X_Forwarded_For: 9.9.9.9", "X-Forwarded_Proto: https");
  const target = await way.target.next();
  expect(withoutIds(target.text)).toBe(head("GET / HTTP/1.1", "Host: a.example", ...ADDED));
  target.write(answer("done"));
  await client.until("done");
});

test("a trusted proxy is believed, and its own address is added", async () => {
  await using way = await trusting.way();
  const client = way.ask("GET / HTTP/1.1", ...SPOOFED);
  const target = await way.target.next();
  expect(withoutIds(target.text)).toBe(
    head(
      "GET / HTTP/1.1",
      "Host: a.example",
      ...SPOOFED.filter((line) => !/^x-forwarded-for/i.test(line)),
      "X-Forwarded-For: 1.2.3.4, 5.6.7.8, 127.0.0.1",
      "X-Request-Id: <id>",
    ),
  );
  target.write(answer("done"));
  await client.until("done");
});

test("an X-Request-Id that is one is kept and logged; anything else is replaced", async () => {
  await using way = await edge.way();
  for (const [lines, kept] of [
    [["X-Request-Id: abc-1.2_3"], true],
    [["X-Request-Id: a", "X-Request-Id: b"], false],
    [[`X-Request-Id: ${"a".repeat(65)}`], false],
    [['X-Request-Id: {"a":1}'], false],
    [["X_Request_Id: abc"], false],
  ] as const) {
    const client = way.ask("GET / HTTP/1.1", ...lines, "Connection: close");
    const target = await way.target.next();
    const ids = [...target.text.matchAll(/x[-_]request[-_]id: (.*)\r\n/gi)].map(([, id]) => id);
    expect(ids.length).toBe(1);
    if (kept) expect(ids).toEqual(["abc-1.2_3"]);
    else expect(ids[0]).toMatch(/^[0-9a-f]{12}-[0-9a-f]+$/);
    target.write(answer("done", "Connection: close"));
    await client.until("done");
  }
  expect((await way.records(5))[0]).toMatchObject({ request_id: "abc-1.2_3" });
});
