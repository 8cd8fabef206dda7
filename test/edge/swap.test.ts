import { describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import type { Peer } from "./peer.ts";
import { active, answer, draining, request, sharedEdge, type Way } from "./rig.ts";

/** As many workers as a machine of two cores has: what is counted is counted over both. */
const edge = sharedEdge({ workers: 2 });
const DRAIN_MS = 300;

/** The second target takes over, the first one drains. */
async function swap(way: Way, drainTimeoutMs = 30_000): Promise<void> {
  const [old, fresh] = way.targets;
  if (!old || !fresh) throw new Error("two targets");
  await way.put({ targets: [draining(old, drainTimeoutMs), active(fresh)] });
}

/** A way to one target, with a second one that is not in use yet. */
async function before(): Promise<Way> {
  const way = await edge.way({ targets: 2 });
  await way.put({ targets: [active(way.target)] });
  return way;
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await edge.control.families();
  return done;
}

describe("a swap", () => {
  test("moves every client that keeps its connection with its next request", async () => {
    await using way = await before();
    const [old, fresh] = way.targets;
    old?.answerAll(answer("old"));
    fresh?.answerAll(answer("new"));
    const clients = Array.from({ length: 20 }, () => way.ask());
    await Promise.all(clients.map((client) => client.until("old")));
    await swap(way);
    expect(await edge.control.drained(`${way.front.id}/0`)).toEqual({ cut: 0 });
    await until("idle connections to the old one to be closed", () => old?.connections.every(({ ended, closed }) => ended || closed));
    for (const client of clients) client.write(request("GET /2 HTTP/1.1"));
    for (const client of clients) expect(await client.until("new")).toBe(answer("old") + answer("new"));
    expect(old?.heard).not.toContain("/2");
  });

  test("lets what is in flight end where it began, and counts it", async () => {
    await using way = await before();
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 10");
    client.write("hello");
    const target = await way.target.next();
    await target.until("hello");
    await swap(way);
    const drained = edge.control.drained(way.target.id);
    expect(await settled(drained)).toBe(false);
    client.write("world");
    await target.until("helloworld");
    target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await client.until("abc");
    expect(await settled(drained)).toBe(false);
    target.write("0\r\n\r\n");
    await client.until("0\r\n\r\n");
    expect(await drained).toEqual({ cut: 0 });
    await target.until((peer) => peer.ended || peer.closed);
    client.write(request("GET /2 HTTP/1.1"));
    (await way.targets[1]?.next())?.write(answer("new"));
    await client.until("new");
  });
});

describe("at the end of the drain time", () => {
  const STARTED = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";

  async function cutAfter(way: Way, begin: (target: Peer, client: Peer) => Promise<unknown>): Promise<{ client: Peer; target: Peer }> {
    const client = way.ask();
    const target = await way.target.next();
    await begin(target, client);
    const since = performance.now();
    await swap(way, DRAIN_MS);
    expect(await edge.control.drained(way.target.id)).toEqual({ cut: 1 });
    const tookMs = performance.now() - since;
    expect(tookMs).toBeGreaterThan(DRAIN_MS - 5);
    expect(tookMs).toBeLessThan(DRAIN_MS + 5_000);
    return { client, target };
  }

  test("an event stream is reset on both sides", async () => {
    await using way = await before();
    const { client, target } = await cutAfter(way, (peer, asker) => (peer.write(STARTED), asker.until("data: 1")));
    await client.untilReset();
    await target.untilReset();
    expect((await way.records())[0]).toMatchObject({ error: "drained" });
  });

  test("a body of a known length is reset, too: never an end that looks clean", async () => {
    await using way = await before();
    const { client, target } = await cutAfter(
      way,
      (peer, asker) => (peer.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), asker.until("hello")),
    );
    await client.untilReset();
    await target.untilReset();
  });

  test("a request without any answer gets 503 drained, and the target is reset", async () => {
    await using way = await before();
    const { client, target } = await cutAfter(way, () => Promise.resolve());
    expect(await client.until("request_id")).toMatch(/^HTTP\/1\.1 503 [^]*X-Orco-Error: drained\r\n/);
    await target.untilReset();
  });
});

describe("with no active target", () => {
  test("requests wait, and the first target that comes gets all of them", async () => {
    await using way = await edge.way({ targets: 1 });
    await way.put({ targets: [] });
    const clients = Array.from({ length: 30 }, (_, n) => way.ask(`POST /${n} HTTP/1.1`, "Content-Length: 2", "Connection: close"));
    for (const client of clients) client.write("ab");
    await way.whenHeld(30);
    await way.put({ targets: [active(way.target)] });
    for (let n = 0; n < 30; n++) {
      const target = await way.target.next();
      await target.until("\r\n\r\nab");
      target.write(answer("done", "Connection: close"));
    }
    for (const client of clients) expect(await client.untilEnd()).toBe(answer("done", "Connection: close"));
    expect(await way.metric("orco_edge_held")).toBe(0);
  });

  test("they wait as long as holdTimeout says, and then get 503 no_target", async () => {
    await using way = await edge.way({ targets: 0, holdTimeoutMs: 200 });
    const since = performance.now();
    const client = way.ask();
    const text = await client.until("request_id");
    expect(performance.now() - since).toBeGreaterThan(190);
    expect(text).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n[^]*X-Orco-Error: no_target\r\n[^]*Retry-After: 1\r\n/);
    expect(await way.metric("orco_edge_held")).toBe(0);
    expect(await way.metric("orco_edge_requests_total", { code: "503" })).toBe(1);
  });

  test("one that leaves gives its place back, and no target hears of it", async () => {
    await using way = await edge.way({ targets: 1 });
    await way.put({ targets: [] });
    const leaving = Array.from({ length: 5 }, () => way.ask("GET /left HTTP/1.1"));
    const staying = way.ask("GET /stays HTTP/1.1");
    await way.whenHeld(6);
    for (const [n, client] of leaving.entries()) {
      if (n % 2 === 0) client.reset();
      else client.socket.destroy();
    }
    await way.whenHeld(1);
    await way.put({ targets: [active(way.target)] });
    (await way.target.next()).write(answer("here"));
    await staying.until("here");
    expect(way.target.heard).not.toContain("/left");
    const records = await way.records(6);
    expect(records.filter(({ status }) => status === 499).length).toBe(5);
  });

  test("a front that is removed lets nobody wait any longer", async () => {
    const way = await edge.way({ targets: 0 });
    const client = way.ask();
    await way.whenHeld(1);
    const kept = client.until("request_id");
    await edge.control.remove([way.front.id]);
    expect(await kept).toContain("X-Orco-Error: no_target");
  });
});

describe("shares", () => {
  /** How many of `count` requests each target got. */
  async function shares(way: Way, count: number, lines: readonly string[] = []): Promise<number[]> {
    const before = way.targets.map(({ connections }) => connections.length);
    for (const target of way.targets) target.answerAll(answer(target.id, "Connection: close"));
    for (let n = 0; n < count; n++) await way.ask("GET / HTTP/1.1", ...lines, "Connection: close").untilEnd();
    return way.targets.map(({ connections }, n) => connections.length - (before[n] ?? 0));
  }

  test("follow the weights; a weight of 0 gets nothing while another has more", async () => {
    await using way = await edge.way({ targets: 3 });
    await way.put({ targets: way.targets.map((target, n) => ({ ...active(target), weight: [9, 1, 0][n] ?? 0 })) });
    const [many = 0, few = 0, none] = await shares(way, 100);
    expect(many + few).toBe(100);
    // Each of the two workers shares exactly; how many it got is the kernel's choice.
    expect(few).toBeGreaterThanOrEqual(8);
    expect(few).toBeLessThanOrEqual(12);
    expect(none).toBe(0);
  });

  test("least-connections: who is busy gets less", async () => {
    await using way = await edge.way({ targets: 2, balance: "least-connections" });
    const clients = Array.from({ length: 12 }, () => way.ask());
    await until("all of them at a target", () => way.targets.flatMap(({ connections }) => connections).length === 12);
    for (const { connections } of way.targets) expect(Math.abs(connections.length - 6)).toBeLessThanOrEqual(1);
    expect(clients.length).toBe(12);
  });

  test("a sticky cookie keeps a client with its target over all workers; a new one is chosen when that is gone", async () => {
    await using way = await edge.way({ targets: 2, sticky: { cookie: "seat" } });
    for (const target of way.targets) target.answerAll(answer(target.id, "Connection: close"));
    const first = await way.ask("GET / HTTP/1.1", "Connection: close").untilEnd();
    const [, cookie = ""] = /\r\nSet-Cookie: (seat=[^;]+); Path=\/; HttpOnly; SameSite=Lax\r\n/.exec(first) ?? [];
    expect(cookie).not.toBe("");
    const met = way.targets.find(({ id }) => first.endsWith(id));
    for (let n = 0; n < 10; n++) {
      const again = await way.ask("GET / HTTP/1.1", `Cookie: a=b; ${cookie}`, "Connection: close").untilEnd();
      expect(again).toEndWith(`Connection: close\r\n\r\n${met?.id}`);
      expect(again).not.toContain("Set-Cookie");
    }
    await way.put({ targets: way.targets.map((target) => (target === met ? draining(target) : active(target))) });
    const moved = await way.ask("GET / HTTP/1.1", `Cookie: ${cookie}`, "Connection: close").untilEnd();
    expect(moved).toMatch(/Set-Cookie: seat=/);
    expect(moved).not.toEndWith(met?.id ?? "");
  });

  test("a sticky header: the same value meets the same target, many values meet all", async () => {
    await using way = await edge.way({ targets: 2, sticky: { header: "X-User" } });
    for (const user of ["ann", "bob"]) expect((await shares(way, 8, [`x-user: ${user}`])).toSorted((a, b) => a - b)).toEqual([0, 8]);
  });
});
