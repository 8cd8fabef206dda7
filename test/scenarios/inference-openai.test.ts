import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { fastest } from "../fastest.ts";
import { until } from "../until.ts";
import { type Fields, planeOf, type Told } from "./inference-rig.ts";
import { CHAT_FINISH, DONE, RawEngine, spoken, STREAM_HEAD, whole } from "./raw-engine.ts";

/** `/v1` as unmodified SDKs need it (inference.md, "OpenAI surface" and "What unmodified OpenAI SDKs need"). */

const KEY = "a-key-of-sixteen-characters";
const plane = planeOf({ LLORCH_API_TOKEN: KEY, ORCHD_ADMISSION_CAPACITY: "1" });
plane.rig.headers["authorization"] = `Bearer ${KEY}`;
let engine: RawEngine;
let say: (socket: Socket) => void;
const closed: number[] = [];

beforeAll(async () => {
  engine = await RawEngine.start((socket, _asked, n) => {
    say(socket);
    socket.on("close", () => void (closed[n] = performance.now()));
  });
  await plane.pool("p", engine.url, { slots: 1, engine: "openai" });
});
afterAll(() => {
  engine[Symbol.dispose]();
});
afterEach(async () => {
  for (const socket of engine.sockets) socket.destroy();
  await plane.calm();
  for (const list of [engine.asked, engine.sockets, closed]) list.splice(0);
});

const messages = [{ role: "user", content: "hi" }];
const chat = (more: Fields = {}, init: RequestInit = {}): Promise<Told<{ error: Fields }>> =>
  plane.v1("/chat/completions", { model: "chain", messages, ...more }, init);

/** The data of each event of a stream. */
function dataOf(text: string): Fields[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("data: {"))
    .map((block) => JSON.parse(block.slice(6)) as Fields);
}

function expectError({ status, body, headers, text }: Told<{ error: Fields }>, wanted: Fields & { status: number }): void {
  const { status: code, ...error } = wanted;
  expect([status, text]).toEqual([code, text]);
  expect(headers.get("content-type")).toMatch(/^application\/json/);
  expect(Object.keys(body)).toEqual(["error"]);
  expect(Object.keys(body.error).toSorted()).toEqual(["code", "message", "param", "type"]);
  expect(body.error).toMatchObject(error);
  expect(headers.get("x-request-id")).toMatch(/\S/);
}

describe("errors have the shape that SDKs read", () => {
  test("401, 404, 405, 413, 415, 400", async () => {
    for (const path of ["/models", "/nowhere"]) {
      const bare = await plane.v1<{ error: Fields }>(path, undefined, { headers: { authorization: "" } });
      expectError(bare, { status: 401, type: "authentication_error", code: "invalid_api_key" });
    }
    expectError(await plane.v1("/nowhere"), { status: 404, type: "invalid_request_error" });
    const get = await plane.v1<{ error: Fields }>("/chat/completions");
    expectError(get, { status: 405, type: "invalid_request_error" });
    expect(get.headers.get("allow")).toContain("POST");
    expectError(await chat({ padding: "x".repeat(33 * 2 ** 20) }), { status: 413, type: "invalid_request_error" });
    const plain = { body: "hi", method: "POST", headers: { "content-type": "text/plain" } };
    expectError(await plane.v1("/chat/completions", undefined, plain), { status: 415, type: "invalid_request_error" });
    expectError(await chat({ messages: "hi" }), { status: 400, type: "invalid_request_error", param: "messages" });
    const broken = { body: "{", method: "POST", headers: { "content-type": "application/json" } };
    expectError(await plane.v1("/chat/completions", undefined, broken), { status: 400, type: "invalid_request_error" });
  });

  test("404 for a model that nobody serves, here and in the list", async () => {
    expectError(await chat({ model: "nobody" }), { status: 404, code: "model_not_found", param: "model" });
    expectError(await plane.v1("/models/nobody"), { status: 404, code: "model_not_found" });
    const { body } = await plane.v1<{ object: string; data: Fields[] }>("/models");
    expect(body.object).toBe("list");
    expect(body.data.map(({ id, object }) => [id, object])).toEqual([["chain", "model"]]);
    expect((await plane.v1("/models/chain")).body).toMatchObject({ id: "chain", object: "model" });
  });

  test("429 with the time to wait when the queue is full, 503 when no engine is there", async () => {
    say = () => undefined;
    const gone = new AbortController();
    const held = [1, 2].map(() => chat({}, { signal: gone.signal }).catch(() => undefined));
    await plane.poolThat("p", ({ queue_depth: depth }) => depth === 1);
    const full = await chat();
    expectError(full, { status: 429, type: "rate_limit_error", code: "ADMISSION_REJECT" });
    expect(full.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(full.headers.get("retry-after-ms")).toMatch(/^\d+$/);
    expect(full.headers.get("x-should-retry")).not.toBe("false");
    gone.abort();
    await Promise.all(held);
    await plane.poolThat("p", ({ queue_depth: depth, slots_free: free }) => depth === 0 && free === 1);
    await plane.post("/v2/pools/p/drain", { deadline_ms: 0 });
    const draining = await chat();
    expectError(draining, { status: 503, type: "server_error", code: "POOL_UNREADY" });
    expect(draining.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    await plane.pool("p", engine.url, { slots: 1, engine: "openai" });
  });

  test("a session that may not go on says that nobody need try again", async () => {
    await plane.call("PUT", "/v2/sessions/s", { json: { max_turns: 0 } });
    const refused = await chat({}, { headers: { "x-session-id": "s" } });
    expectError(refused, { status: 429, code: "ADMISSION_REJECT" });
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect(refused.headers.get("retry-after")).toBeNull();
  });

  test("what fails before the first frame has its own status, streamed or not", async () => {
    say = (socket) => void socket.end(whole(400, '{"error":{"message":"too long"}}'));
    for (const stream of [true, false]) {
      const refused = await chat({ stream });
      expectError(refused, { status: 400, code: "INVALID_PARAMS" });
      expect(refused.body.error["message"]).toContain("too long");
    }
    say = (socket) => void socket.end(`${STREAM_HEAD}${spoken("a")}`);
    expectError(await chat(), { status: 502, code: "WORKER_RESET", type: "server_error" });
  });
});

describe("a stream", () => {
  test("has a role first, a reason, and exactly [DONE] last; usage only for who asked", async () => {
    for (const usage of [true, false]) {
      say = (socket) => {
        const told = `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n`;
        socket.end(STREAM_HEAD + spoken("a") + spoken("b") + CHAT_FINISH + told + DONE);
      };
      const { status, headers, text } = await chat({ stream: true, ...(usage && { stream_options: { include_usage: true } }) });
      expect(status).toBe(200);
      expect(headers.get("content-type")).toContain("text/event-stream");
      expect(text.endsWith("\n\ndata: [DONE]\n\n")).toBe(true);
      expect(text.split("[DONE]").length).toBe(2);
      const data = dataOf(text) as { choices: { delta?: Fields; finish_reason?: string }[]; usage?: Fields }[];
      expect(data[0]?.choices[0]?.delta).toMatchObject({ role: "assistant" });
      expect(data.map(({ choices }) => choices[0]?.delta?.["content"]).filter(Boolean)).toEqual(["a", "b"]);
      expect(data.filter(({ choices }) => choices[0]?.finish_reason === "stop")).toHaveLength(1);
      expect(data.filter(({ usage: told }) => told)).toMatchObject(usage ? [{ choices: [], usage: { total_tokens: 5 } }] : []);
    }
    expect(engine.asked.every(({ json }) => json["stream"] === true)).toBe(true);
  });

  test("whose engine dies says so in a frame, and is cut: it never looks whole", async () => {
    say = (socket) => {
      socket.write(`${STREAM_HEAD}${spoken("a")}`);
      setImmediate(() => socket.destroy());
    };
    const response = await fetch(`${plane.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...plane.rig.headers, "content-type": "application/json" },
      body: JSON.stringify({ model: "chain", messages, stream: true }),
    });
    let text = "";
    const read = async (): Promise<void> => {
      for await (const bytes of response.body ?? []) text += Buffer.from(bytes).toString();
    };
    expect(
      await read().then(
        () => "whole",
        () => "cut",
      ),
    ).toBe("cut");
    expect(text).not.toContain("[DONE]");
    const { error } = dataOf(text).at(-1) as { error: Fields };
    expect(Object.keys(error).toSorted()).toEqual(expect.arrayContaining(["code", "message", "type"]));
    expect(error).toMatchObject({ code: "WORKER_RESET", type: "server_error" });
  });

  test("passes nothing on that an SDK could not read", async () => {
    say = (socket) => void socket.end(`${STREAM_HEAD}${spoken("a")}data: {oh no\n\ndata: 7\n\n${spoken("b")}${CHAT_FINISH}${DONE}`);
    const { text } = await chat({ stream: true });
    const data = text
      .split("\n\n")
      .filter((block) => block.startsWith("data: ") && block !== "data: [DONE]")
      .map((block) => JSON.parse(block.slice(6)) as unknown);
    expect(data.every((each) => typeof each === "object" && each !== null)).toBe(true);
    expect(text).toContain('"b"');
  });

  test("comes frame by frame", async () => {
    let upstream: Socket | undefined;
    say = (socket) => void (upstream = socket).write(STREAM_HEAD + spoken("one"));
    const response = await fetch(`${plane.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...plane.rig.headers, "content-type": "application/json" },
      body: JSON.stringify({ model: "chain", messages, stream: true }),
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    for (const word of ["one", "two", "three"]) {
      while (!text.includes(word)) text += Buffer.from((await reader.read()).value ?? []).toString();
      upstream?.write(spoken(word === "one" ? "two" : "three"));
    }
    await reader.cancel();
    await until("upstream to be closed", () => closed[0]);
  });
});

test("an answer that is not streamed is put together, with usage", async () => {
  say = (socket) => void socket.end(STREAM_HEAD + spoken("a") + spoken("b") + CHAT_FINISH + DONE);
  const { status, body } = await chat();
  expect(status).toBe(200);
  expect(body as unknown).toMatchObject({
    object: "chat.completion",
    model: "chain",
    choices: [{ index: 0, message: { role: "assistant", content: "ab" }, finish_reason: "stop" }],
    usage: { completion_tokens: 2 },
  });
});

test.each([
  ["waits in the queue", true, 1],
  ["hears a stream", true, 0],
  ["waits for a whole answer", false, 0],
])("a client that vanishes while it %s is gone within 50 ms", async (_when, stream, ahead) => {
  say = (socket) => void socket.write(STREAM_HEAD + spoken("a"));
  const { port } = new URL(plane.url);
  const ask = (): Socket => {
    const body = JSON.stringify({ model: "chain", messages, stream });
    const socket: Socket = connect(Number(port), "127.0.0.1", () =>
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
    );
    return socket;
  };
  const took = await fastest(async () => {
    const before = engine.sockets.length;
    const first = ask();
    await until("the engine to be asked", () => engine.sockets[before]);
    const last = ahead === 0 ? first : ask();
    if (ahead > 0) await plane.poolThat("p", ({ queue_depth: depth }) => depth === 1);
    const left = performance.now();
    last.destroy();
    if (ahead > 0) await plane.poolThat("p", ({ queue_depth: depth }) => depth === 0);
    else await until("upstream to be closed", () => closed[before]);
    const ms = (ahead > 0 ? performance.now() : (closed[before] ?? Infinity)) - left;
    first.destroy();
    await plane.calm();
    return ms;
  });
  expect(took).toBeLessThan(50);
});

test("embeddings come as they are asked for", async () => {
  const answer = {
    object: "list",
    model: "chain",
    data: [{ object: "embedding", index: 0, embedding: [0.5, -1] }],
    usage: { prompt_tokens: 1, total_tokens: 1 },
  };
  say = (socket) => void socket.end(whole(200, JSON.stringify(answer)));
  const plain = await plane.v1("/embeddings", { model: "chain", input: "x" });
  expect([plain.status, plain.body]).toEqual([200, answer]);
  const { body } = await plane.v1<{ data: { embedding: string }[] }>("/embeddings", {
    model: "chain",
    input: ["x"],
    encoding_format: "base64",
  });
  expect([...new Float32Array(Uint8Array.from(Buffer.from(body.data[0]?.embedding ?? "", "base64")).buffer)]).toEqual([0.5, -1]);
});

test("what this API has that orco does not know goes to the engine as it came", async () => {
  say = (socket) => void socket.end(STREAM_HEAD + spoken("a") + CHAT_FINISH + DONE);
  const own = { temperature: 0.1, top_p: 0.5, logit_bias: { "5": 1 }, tools: [{ type: "function", function: { name: "f" } }], mirostat: 2 };
  await chat({ ...own, seed: 3 });
  expect(engine.asked[0]?.json).toMatchObject({ ...own, seed: 3, model: "chain", messages });
  expect(engine.asked[0]?.headers["authorization"]).toBeUndefined();
});
