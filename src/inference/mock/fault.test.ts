import { describe, expect, test } from "bun:test";
import { until } from "../../../test/until.ts";
import { EngineRig, eventsOf, jsonOf, saidIn } from "./engine.fake.ts";
import { faultInPrompt, parseFault } from "./fault.ts";

test.each([
  ["cut=5,latency_ms=20", { cut: 5, latency_ms: 20 }],
  [" hang , no_done", { hang: -1, no_done: 1 }],
  ["", {}],
])("%j names a fault", (text, fault) => {
  expect(parseFault(text)).toEqual(fault);
});

test.each(["cat", "cut=x", "cut=", "big_frame=999999999", "constructor"])("%j is none", (text) => {
  expect(() => parseFault(text)).toThrow();
});

test("the last words of a prompt may ask for one", () => {
  expect(faultInPrompt("tell me x-mock: cut=2,hang ")).toEqual({ cut: 2, hang: -1 });
  expect(faultInPrompt("x-mock: cut=2 is a header")).toEqual({});
});

describe("on the wire", () => {
  const stream = { stream: true };

  test.each([
    ["status=429,retry_after=7", 429, "7"],
    ["status=500", 500, null],
    ["error_body=503", 200, null],
  ])("%s", async (mock, status, retryAfter) => {
    using rig = new EngineRig();
    const answer = await rig.chat("x", stream, { mock });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, retryAfter]);
    expect((await jsonOf(answer)).error.message).toBe("the mock engine was asked to fail");
  });

  test.each(["cut=3", "reset=3"])("%s breaks the stream after three tokens, and frees the slot", async (mock) => {
    using rig = new EngineRig();
    const { text, broken } = await readAll(await rig.chat("x", stream, { mock }));
    expect(broken).toBe(true);
    // A reset may overtake what was sent before it.
    expect(" the quick brown").toStartWith(saidIn(text));
    expect(rig.engine.stats).toMatchObject({ active: 0, canceled: 0, tokens: 3 });
  });

  test("reset: no head at all", async () => {
    using rig = new EngineRig();
    const failure = await rig.chat("x", stream, { mock: "reset" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(rig.engine.stats.active).toBe(0);
  });

  test.each(["hang", "hang=0", "hang=2"])("%s holds its slot until the client goes", async (mock) => {
    using rig = new EngineRig();
    const gone = new AbortController();
    const answer = rig.chat("x", stream, { mock, signal: gone.signal });
    if (mock !== "hang") expect((await answer).status).toBe(200);
    await until("it is at work", () => rig.engine.stats.active === 1);
    gone.abort();
    await answer.then((response) => response.text()).catch(() => undefined);
    await until("the slot is free", () => rig.engine.stats.active === 0);
  });

  test("garbage and half a character are frames among others", async () => {
    using rig = new EngineRig();
    const garbage = await (await rig.chat("their next", stream, { mock: "garbage=1" })).text();
    expect(eventsOf(garbage)).toContain('{"choices": [oh');
    expect(garbage).toEndWith("data: [DONE]\n\n");
    const half = Buffer.from(await (await rig.chat("their next", stream, { mock: "half_char=0" })).arrayBuffer());
    expect(half.includes(Buffer.from([0xf0, 0x9f, 0x22]))).toBe(true);
  });

  test("a character in two writes is whole", async () => {
    using rig = new EngineRig();
    expect(saidIn(await (await rig.chat("their next", stream, { mock: "split_char=1" })).text())).toBe(" trip🙂 .");
  });

  test("an error frame ends the stream without [DONE]", async () => {
    using rig = new EngineRig();
    const text = await (await rig.chat("x", stream, { mock: "error_frame=2" })).text();
    expect(saidIn(text)).toBe(" the quick");
    expect(eventsOf(text).at(-1)).toStartWith('{"error":');
  });

  test("a frame of 10 MB", async () => {
    using rig = new EngineRig();
    const text = await (await rig.chat("their next", stream, { mock: "big_frame" })).text();
    expect(saidIn(text).length).toBe(10 * 2 ** 20 + " trip .".length);
  });

  test.each([
    ["no_done", '"finish_reason":"stop"}]}\n\n'],
    ["no_finish", '"finish_reason":null}]}\n\n'],
  ])("%s", async (mock, end) => {
    using rig = new EngineRig();
    expect(await (await rig.chat("x", stream, { mock })).text()).toEndWith(end);
  });

  test("latency comes before the first token, slow_accept before the head", async () => {
    using rig = new EngineRig();
    const startedAt = performance.now();
    const answer = await rig.chat("x", stream, { mock: "slow_accept=60,latency_ms=60" });
    expect(performance.now() - startedAt).toBeGreaterThan(55);
    await answer.text();
    expect(performance.now() - startedAt).toBeGreaterThan(115);
  });

  test("the engine's own fault meets its first requests only, and may be changed", async () => {
    using rig = new EngineRig({ fault: { status: 500, first: 2 } });
    const status = async (): Promise<number> => (await rig.chat("x")).status;
    expect([await status(), await status(), await status()]).toEqual([500, 500, 200]);
    await fetch(`${rig.engine.url}/fault`, { method: "PUT", body: "status=503" });
    expect(await status()).toBe(503);
  });
});

async function readAll(answer: Response): Promise<{ text: string; broken: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of answer.body ?? []) text += decoder.decode(piece as Uint8Array, { stream: true });
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}
