import { afterEach, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { CertificateFolder } from "../edge/certificate.fake.ts";
import { type Alert, type AlertPorts, deliverAlert, refuseAddress } from "./alert.ts";
import type { AlertBody } from "./ports.ts";

const body: AlertBody = {
  kind: "deploy_failed",
  app: "blog",
  commit: null,
  message: "the \u001b[31mhealth\u001b[0m endpoint answers 500 – é",
  run: "r1",
  at: "2026-01-01T00:00:00.000Z",
};
const open: { stop(force: boolean): unknown }[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.stop(true);
});

interface Seen {
  readonly headers: Headers;
  readonly text: string;
  readonly path: string;
}

function hook(status: (asked: number) => number | undefined, headers: Record<string, string> = {}): { port: number; seen: Seen[] } {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      seen.push({ headers: request.headers, text: await request.text(), path: new URL(request.url).pathname });
      const answer = status(seen.length);
      return answer === undefined ? new Promise<Response>(() => undefined) : new Response("x".repeat(100_000), { status: answer, headers });
    },
  });
  open.push(server);
  return { port: server.port ?? 0, seen };
}

function send(webhook: string, over: Partial<Alert> = {}, ports: Partial<AlertPorts> = {}) {
  return deliverAlert({ webhook, body, byOperator: true, ...over }, { clock: systemClock(), ...ports });
}

/** Pauses take no time. */
const hasty: Clock = { ...systemClock(), sleep: () => Promise.resolve() };
/** Nor is anybody waited for. */
const impatient: Clock = { ...hasty, after: (_ms, fn) => systemClock().after(20, fn) };

test("an alert is JSON, signed over its very bytes, without what drives a terminal", async () => {
  const { port, seen } = hook(() => 204);
  expect(await send(`http://127.0.0.1:${port}/hooks/T0?x=1`, { secret: "s3cret" })).toEqual({ delivered: true, status: 204, tries: 1 });
  const [{ headers, text, path } = { headers: new Headers(), text: "", path: "" }] = seen;
  expect(path).toBe("/hooks/T0");
  expect(JSON.parse(text)).toEqual({ ...body, message: "the health endpoint answers 500 – é" });
  expect(headers.get("x-orco-signature")).toBe(`sha256=${createHmac("sha256", "s3cret").update(text).digest("hex")}`);
  expect(headers.get("x-orco-event")).toBe("deploy_failed");
  expect(headers.get("x-orco-delivery")).toMatch(/^[0-9a-f-]{36}$/);
  expect(Math.abs(Number(headers.get("x-orco-timestamp")) * 1000 - Date.now())).toBeLessThan(60_000);
  await send(`http://127.0.0.1:${port}/`);
  expect(seen[1]?.headers.get("x-orco-signature")).toBeNull();
});

test("what may pass is tried three times, as one delivery; what will not is told at once", async () => {
  const recovering = hook((asked) => (asked < 3 ? 503 : 200));
  expect(await send(`http://127.0.0.1:${recovering.port}/`, {}, { clock: hasty })).toEqual({ delivered: true, status: 200, tries: 3 });
  expect(new Set(recovering.seen.map(({ headers }) => headers.get("x-orco-delivery"))).size).toBe(1);
  const broken = hook(() => 500);
  expect(await send(`http://127.0.0.1:${broken.port}/T0KEN`, {}, { clock: hasty })).toEqual({
    delivered: false,
    tries: 3,
    why: `webhook on 127.0.0.1:${broken.port}: it answered 500 Internal Server Error`,
  });
  const gone = hook(() => 410);
  expect(await send(`http://127.0.0.1:${gone.port}/`)).toMatchObject({ delivered: false, tries: 1 });
});

test("redirects are not followed", async () => {
  const target = hook(() => 200);
  const { port } = hook(() => 307, { location: `http://127.0.0.1:${target.port}/` });
  expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ tries: 1, why: expect.stringContaining("redirects are not followed") });
  expect(target.seen).toEqual([]);
});

test("a receiver that hangs, refuses or speaks nonsense is named, and the path never is", async () => {
  const hanging = hook(() => undefined);
  const late = await send(`http://127.0.0.1:${hanging.port}/T0KEN`, {}, { clock: impatient });
  expect(late).toMatchObject({ delivered: false, tries: 3, why: `webhook on 127.0.0.1:${hanging.port}: no answer within 5s` });
  const closed = hook(() => 200);
  open.pop()?.stop(true);
  const refused = await send(`http://127.0.0.1:${closed.port}/T0KEN`, {}, { clock: hasty });
  expect(refused).toMatchObject({ why: expect.stringContaining("the connection was refused") });
  const nonsense = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end("nonsense") } });
  open.push(nonsense);
  const odd = await send(`http://127.0.0.1:${nonsense.port}/T0KEN`, {}, { clock: hasty });
  expect(odd).toMatchObject({ why: expect.stringContaining("not HTTP/1.1") });
  expect(JSON.stringify([late, refused, odd])).not.toContain("T0KEN");
});

test("an abort ends the tries", async () => {
  const abort = new AbortController();
  const { port } = hook(() => {
    abort.abort();
    return undefined;
  });
  expect(await send(`http://127.0.0.1:${port}/`, { signal: abort.signal })).toMatchObject({ delivered: false, tries: 1 });
});

test("a contract out of a repository reaches nothing inside, however it is written", async () => {
  const { port, seen } = hook(() => 200);
  const hosts = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0.0.0.0",
    "[::]",
  ];
  for (const host of hosts) {
    const told = await send(`http://${host}:${port}/`, { byOperator: false });
    expect([host, told.delivered, told.tries]).toEqual([host, false, 0]);
  }
  expect(seen).toEqual([]);
  expect(await send(`http://localhost:${port}/`, {}, { resolve: async () => ["127.0.0.1"] })).toMatchObject({ delivered: true });
});

test("nobody reaches where clouds keep credentials", async () => {
  for (const host of ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"])
    expect(await send(`http://${host}/latest/meta-data`)).toMatchObject({ delivered: false, tries: 0 });
  for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"])
    expect(refuseAddress(address, { allowInside: false })).toBeUndefined();
  for (const address of ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "2002:7f00:1::", "::7f00:1", "nonsense"])
    expect(refuseAddress(address, { allowInside: false })).toBeString();
});

test("a name is looked up once, and one bad address condemns it", async () => {
  let asked = 0;
  const rebinding = async (): Promise<string[]> => (asked++ === 0 ? ["127.0.0.1"] : ["169.254.169.254"]);
  const { port, seen } = hook((count) => (count === 1 ? 503 : 200));
  const sending = send(`http://hooks.test:${port}/`, {}, { resolve: rebinding, clock: hasty });
  expect(await sending).toMatchObject({ delivered: true, tries: 2 });
  expect([asked, seen[0]?.headers.get("host")]).toEqual([1, `hooks.test:${port}`]);
  const mixed = await send(`http://hooks.test:${port}/`, { byOperator: false }, { resolve: async () => ["8.8.8.8", "127.0.0.1"] });
  expect(mixed).toMatchObject({ delivered: false, tries: 0 });
  const unknown = Object.assign(new Error("x"), { code: "ENOTFOUND" });
  expect(await send("http://hooks.test/T0KEN", {}, { resolve: () => Promise.reject(unknown) })).toEqual({
    delivered: false,
    tries: 0,
    why: "webhook on hooks.test: its host name does not resolve (ENOTFOUND)",
  });
});

test("over TLS nothing is sent before the name is proven, whatever address it has", async () => {
  const folder = new CertificateFolder();
  try {
    const files = folder.make("hooks", ["hooks.test"]);
    const [cert, key] = await Promise.all([Bun.file(files.cert).text(), Bun.file(files.key).text()]);
    let asked = 0;
    const fetch = (): Response => {
      asked++;
      return new Response();
    };
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert, key }, fetch });
    open.push(server);
    const resolve = async (): Promise<string[]> => ["127.0.0.1"];
    const ports = { resolve, clock: hasty };
    expect(await send(`https://hooks.test:${server.port}/`, {}, { ...ports, ca: cert })).toMatchObject({ delivered: true });
    const other = await send(`https://other.test:${server.port}/`, {}, { ...ports, ca: cert });
    expect(other).toMatchObject({ delivered: false, why: expect.stringContaining("its certificate is not trusted") });
    expect(await send(`https://hooks.test:${server.port}/`, {}, ports)).toMatchObject({ delivered: false, tries: 3 });
    expect(asked).toBe(1);
  } finally {
    folder.remove();
  }
});
