import { afterEach, describe, expect, test } from "bun:test";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { type MockEngine, startMockEngine } from "../inference/mock/engine.ts";
import { MOCK_DEFAULTS, type MockSettings } from "../inference/mock/settings.ts";
import { fastest } from "../../test/fastest.ts";
import { until } from "../../test/until.ts";
import { KEYS, post, RawClient, ServedNode } from "./node.fake.ts";

const CHAT = "/v2/pools/chat/engine/v1/chat/completions";
const ASKED = JSON.stringify({ model: "chain", stream: true, messages: [{ role: "user", content: "hello" }], max_tokens: 100 });
let engine: MockEngine | undefined;
let node: ServedNode | undefined;

afterEach(async () => {
  await node?.close();
  engine?.stop();
  node = engine = undefined;
});

function serve(settings: Partial<MockSettings> = {}, keys: Partial<typeof KEYS> = {}): { node: ServedNode; engine: MockEngine } {
  engine = startMockEngine({ ...MOCK_DEFAULTS, ...settings }, systemClock());
  node = new ServedNode([engine.url], keys);
  return { node, engine };
}

describe("the relay", () => {
  test("answers as the engine does", async () => {
    const { node: served, engine: real } = serve();
    const through = await fetch(`${served.url}${CHAT}`, { method: "POST", body: ASKED });
    const direct = await fetch(`${real.url}/v1/chat/completions`, { method: "POST", body: ASKED });
    expect(through.status).toBe(200);
    expect(through.headers.get("content-type")).toBe(direct.headers.get("content-type"));
    const frames = (text: string) => text.split("\n\n").length;
    expect(frames(await through.text())).toBe(frames(await direct.text()));
  });

  test("passes each token on as it comes", async () => {
    const { node: served } = serve({ tokensPerS: 20, fault: { never_end: 1 } });
    const client = await RawClient.open(served.server.port);
    client.send(post(CHAT, ASKED));
    await client.until("data:");
    client.reset();
  });

  test.each(["close", "reset"] as const)("frees the engine at once when its client leaves with a %s", async (how) => {
    const { node: served, engine: real } = serve({ tokensPerS: 20, fault: { never_end: 1 } });
    const took = await fastest(async () => {
      const client = await RawClient.open(served.server.port);
      client.send(post(CHAT, ASKED));
      await client.until("data:");
      expect(real.stats.active).toBe(1);
      client[how]();
      const left = performance.now();
      await until("a free slot", () => real.stats.active === 0);
      return performance.now() - left;
    });
    expect(took).toBeLessThan(50);
  });

  test("ends in a reset when the engine dies in the middle, never as if it were whole", async () => {
    const { node: served } = serve({ fault: { reset: 3 } });
    const client = await RawClient.open(served.server.port);
    client.send(post(CHAT, ASKED));
    const { text, broken } = await client.ended;
    expect(text).toStartWith("HTTP/1.1 200");
    expect(text).not.toContain("[DONE]");
    expect(broken).toBe(true);
  });

  test("says so when no engine can be reached", async () => {
    const { node: served, engine: real } = serve();
    real.stop();
    const refused = await fetch(`${served.url}${CHAT}`, { method: "POST", body: ASKED });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: "POOL_UNREADY" });
    expect((await fetch(`${served.url}/v2/pools/none/engine/health`)).status).toBe(503);
  });

  test("takes another engine of the pool when one does not listen", async () => {
    const { engine: real } = serve();
    const free = startMockEngine(MOCK_DEFAULTS, systemClock());
    free.stop();
    const two = new ServedNode([free.url, real.url]);
    const answer = await fetch(`${two.url}${CHAT}`, { method: "POST", body: ASKED });
    expect(answer.status).toBe(200);
    await answer.text();
    await two.close();
  });

  test("forwards one request of a connection, and no key", async () => {
    const heads: string[] = [];
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          heads.push(bytes.toString());
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        },
      },
    });
    node = new ServedNode([`http://127.0.0.1:${listener.port}`], KEYS);
    const client = await RawClient.open(node.server.port);
    client.send(
      post(
        "/v2/pools/chat/engine/completion?x=1",
        "{}",
        `Authorization: Bearer ${KEYS.relayKey}\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n`,
      ),
    );
    const { text } = await client.ended;
    expect(text).toEndWith("\r\n\r\nok");
    expect(text.toLowerCase()).toContain("connection: close");
    expect(heads[0]).toStartWith("POST /completion?x=1 HTTP/1.1\r\nHost: 127.0.0.1:");
    expect(heads[0]).toContain("X-Kept: 2");
    expect(heads[0]).not.toMatch(/authorization|x-hop|relay/i);
    const greedy = await RawClient.open(node.server.port);
    const request = post("/v2/pools/chat/engine/completion", "{}", `X-API-Key: ${KEYS.apiKey}\r\n`);
    greedy.send(request + request);
    await greedy.ended;
    expect(heads.slice(1).join("").split("POST ").length).toBeLessThanOrEqual(2);
    listener.stop(true);
  });

  test.each(["/../admin", "/v1/%2e%2E/admin", "/v1/..", "/.?x", "/%2e./", "//../../admin"])(
    "does not leave the URL of an engine by %s",
    async (path) => {
      const heads: string[] = [];
      const listener = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket, bytes) {
            heads.push(bytes.toString());
            socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
          },
        },
      });
      node = new ServedNode([`http://127.0.0.1:${listener.port}/tenant`]);
      const client = await RawClient.open(node.server.port);
      client.send(post(`/v2/pools/chat/engine${path}`, "{}"));
      expect((await client.ended).text).toMatch(/^HTTP\/1\.1 40[04]/);
      for (const head of heads) expect(head).toMatch(/^POST \/tenant\/(?!.*\.\.)(?!.*%2e).* HTTP\/1\.1\r\n/i);
      listener.stop(true);
    },
  );

  test("never loses the length of a body, also where it is named as a thing of this connection alone", async () => {
    const heads: string[] = [];
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (_socket, bytes) => void heads.push(bytes.toString()) },
    });
    node = new ServedNode([`http://127.0.0.1:${listener.port}`]);
    const inner = "POST /admin HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    const client = await RawClient.open(node.server.port);
    client.send(post(CHAT, inner, "Connection: content-length, transfer-encoding, host\r\n"));
    await until("it came", () => heads.join("").includes("/admin"));
    expect(heads[0]).toContain(`Content-Length: ${inner.length}\r\n`);
    expect(heads[0]).toContain(`Host: 127.0.0.1:${listener.port}\r\n`);
    client.reset();
    listener.stop(true);
  });

  test("lets go of a client that stops in the middle of its request, and of one that does not leave after its answer", async () => {
    engine = startMockEngine(MOCK_DEFAULTS, systemClock());
    const clock = new FakeClock();
    node = new ServedNode([engine.url], {}, clock);
    const half = await RawClient.open(node.server.port);
    half.send(post(CHAT, ASKED).slice(0, -10));
    await until("the engine is dialled", () => node?.book.busyAt(new URL(engine?.url ?? "").host) === 1);
    await clock.advance(29_999);
    expect(node.book.busyAt(new URL(engine.url).host)).toBe(1);
    await clock.advance(1);
    await half.ended;
    expect(node.book.busyAt(new URL(engine.url).host)).toBe(0);
    const stays = await RawClient.open(node.server.port, { staysOpen: true });
    stays.send(post("/v2/pools/chat/engine/v1/models", "").replace("POST", "GET"));
    await stays.until("orco-mock");
    let gone = false;
    void stays.ended.then(() => (gone = true));
    await until("its timer", () => clock.pendingTimers === 1);
    expect(gone).toBe(false);
    await clock.advance(10_000);
    await until("the connection is closed", () => gone);
    expect(clock.pendingTimers).toBe(0);
  });

  test("stops the engine while its client does not read", async () => {
    const { node: served, engine: real } = serve({ fault: { never_end: 1 } });
    const client = await RawClient.open(served.server.port);
    client.pause();
    client.send(post(CHAT, ASKED));
    let [made, looks] = [0, 0];
    await until(
      "the engine stops",
      () => {
        looks = real.stats.tokens === made ? looks + 1 : 0;
        made = real.stats.tokens;
        return made > 0 && looks === 20;
      },
      15_000,
    );
    expect(real.stats.active).toBe(1);
    client.reset();
  });
});

describe("who may come in", () => {
  const of = (url: string, key?: string): Promise<number> =>
    fetch(url, { headers: key === undefined ? {} : { authorization: `Bearer ${key}` } }).then(async (answer) => {
      await answer.text();
      return answer.status;
    });

  test("the node's key opens everything, the relay's key the relay", async () => {
    const { node: served } = serve({}, KEYS);
    const paths = ["/health", "/v2/pools", "/v2/pools/chat/health", "/v2/pools/chat/engine/health"];
    const ask = (key?: string) => Promise.all(paths.map((path) => of(served.url + path, key)));
    expect(await ask()).toEqual([200, 401, 401, 401]);
    expect(await ask("wrong")).toEqual([200, 401, 401, 401]);
    expect(await ask(KEYS.relayKey)).toEqual([200, 401, 401, 200]);
    expect(await ask(KEYS.apiKey)).toEqual([200, 200, 200, 200]);
  });

  test("on loopback nobody needs a key, but no page of a browser comes in, nor a foreign name", async () => {
    const { node: served } = serve();
    expect(await of(`${served.url}/v2/pools`)).toBe(200);
    expect((await fetch(`${served.url}/v2/pools`, { headers: { origin: "http://evil.example" } })).status).toBe(403);
    const client = await RawClient.open(served.server.port);
    client.send("GET /v2/pools HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    expect((await client.ended).text).toStartWith("HTTP/1.1 403");
  });

  test("pools are named with their relay and its key, what is unknown is 404, what is no HTTP 400", async () => {
    const { node: served } = serve({}, KEYS);
    const answer = await fetch(`${served.url}/v2/pools`, { headers: { "x-api-key": KEYS.apiKey } });
    const { pools } = (await answer.json()) as { pools: unknown[] };
    expect(pools).toEqual([
      expect.objectContaining({ pool_id: "chat", endpoint: "http://n/v2/pools/chat/engine", endpoint_key: KEYS.relayKey }),
    ]);
    expect(await of(`${served.url}/v2/pools/none/health`, KEYS.apiKey)).toBe(404);
    expect(await of(`${served.url}/`, KEYS.apiKey)).toBe(404);
    const client = await RawClient.open(served.server.port);
    client.send("nonsense\r\n\r\n");
    expect((await client.ended).text).toStartWith("HTTP/1.1 400");
  });
});
