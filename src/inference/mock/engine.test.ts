import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import OpenAI from "openai";
import { until } from "../../../test/until.ts";
import { EngineRig, eventsOf, jsonOf, saidIn } from "./engine.fake.ts";

async function taken(rig: EngineRig): Promise<boolean> {
  const slots = (await rig.get("/slots")) as { is_processing: boolean }[];
  return slots.some((slot) => slot.is_processing);
}

const SENTENCE =
  " the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .";

describe("what it says", () => {
  test("walks its sentence to the end", async () => {
    using rig = new EngineRig();
    const answer = await jsonOf(rig.chat("hello"));
    expect(answer.choices[0]).toMatchObject({ message: { role: "assistant", content: SENTENCE }, finish_reason: "stop" });
    expect(answer.usage).toEqual({ prompt_tokens: 1, completion_tokens: 25, total_tokens: 26 });
  });

  test("a stream says the same in chunks: role first, a finish_reason, usage where it is asked for, [DONE]", async () => {
    using rig = new EngineRig();
    const events = eventsOf(await (await rig.chat("their next", { stream: true, stream_options: { include_usage: true } })).text());
    const chunks = events.slice(0, -1).map((data) => JSON.parse(data));
    expect(events.at(-1)).toBe("[DONE]");
    expect(chunks.map(({ choices: [choice] }) => choice?.delta?.content)).toEqual(["", " trip", " .", undefined, undefined]);
    expect(chunks[0].choices[0].delta.role).toBe("assistant");
    expect(chunks[3].choices[0].finish_reason).toBe("stop");
    expect(chunks[4]).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 } });
  });

  test.each([
    ["stops at max_tokens", { max_tokens: 2 }, " the quick", "length"],
    ["stops at max_completion_tokens", { max_completion_tokens: 1 }, " the", "length"],
    ["says nothing where no token is allowed", { max_tokens: 0 }, "", "length"],
    ["stops at a stop word", { stop: "fox" }, " the quick brown ", "stop"],
    ["stops at a stop word that two tokens share", { stop: ["own fo"] }, " the quick br", "stop"],
  ])("%s, stream or not", async (_, more, text, reason) => {
    using rig = new EngineRig();
    expect((await jsonOf(rig.chat("hello", more))).choices[0]).toMatchObject({ message: { content: text }, finish_reason: reason });
    const stream = await (await rig.chat("hello", { ...more, stream: true })).text();
    expect(saidIn(stream)).toBe(text);
    expect(stream).toContain(`"finish_reason":"${reason}"`);
  });

  test("above temperature 0 the seed decides", async () => {
    using rig = new EngineRig();
    const say = async (seed: number): Promise<string | undefined> =>
      (await jsonOf(rig.chat("hello", { temperature: 1, seed }))).choices[0]?.message.content;
    expect(await say(7)).toBe(await say(7));
    expect(await say(7)).not.toBe(await say(8));
  });

  test("completions have texts", async () => {
    using rig = new EngineRig();
    expect((await jsonOf(rig.post("/v1/completions", { prompt: "hello", max_tokens: 1 }))).choices[0]).toMatchObject({
      text: " the",
    });
    expect(await (await rig.post("/v1/completions", { prompt: "emoji", stream: true })).text()).toContain('"text":" 🙂"');
  });

  test("a tool is called, and what it returned is said", async () => {
    using rig = new EngineRig();
    const tools = [{ type: "function", function: { name: "weather", parameters: {} } }];
    const [choice] = (await jsonOf(rig.chat("in Oslo?", { tools }))).choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(choice?.message.tool_calls[0]?.function).toEqual({ name: "weather", arguments: '{"echo":"in Oslo?"}' });
    const messages = [{ role: "tool", tool_call_id: "call_1", content: "rain" }];
    expect((await jsonOf(rig.post("/v1/chat/completions", { messages, tools }))).choices[0]?.message.content).toBe(
      ' tool "call_1" said rain',
    );
  });

  test("an image is named", async () => {
    using rig = new EngineRig();
    const url = `data:image/png;base64,${"A".repeat(100)}`;
    const answer = await jsonOf(rig.chat([{ type: "image_url", image_url: { url } }]));
    expect(answer.choices[0]?.message.content).toBe(` image ${url.slice(0, 64)} of ${url.length} characters`);
  });

  test("the official SDK reads its streams, embeddings and errors", async () => {
    using rig = new EngineRig();
    const openai = new OpenAI({ baseURL: `${rig.engine.url}/v1`, apiKey: "any", maxRetries: 0 });
    let text = "";
    for await (const chunk of await openai.chat.completions.create({
      model: "chain",
      stream: true,
      messages: [{ role: "user", content: "x" }],
    }))
      text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe(SENTENCE);
    const { data } = await openai.embeddings.create({ model: "chain", input: ["a", "b", "a"] });
    expect(data[0]?.embedding).toEqual(data[2]?.embedding ?? []);
    expect(data[0]?.embedding).not.toEqual(data[1]?.embedding ?? []);
    expect(Math.hypot(...(data[0]?.embedding ?? []))).toBeCloseTo(1);
    const refused = await openai.chat.completions
      .create({ model: "gpt", messages: [{ role: "user", content: "x" }] })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 404, code: "model_not_found" });
  });

  test("reranks by shared words", async () => {
    using rig = new EngineRig();
    const answer = await jsonOf(rig.post("/v1/rerank", { query: "red fish", documents: ["a cow", "red fish swims", "red"], top_n: 2 }));
    expect(answer.results).toEqual([
      { index: 1, relevance_score: 1 },
      { index: 2, relevance_score: 0.5 },
    ]);
  });
});

describe("what it refuses", () => {
  test.each([
    ["no model", { model: undefined }, 400, { param: "model" }],
    ["an unknown model", { model: "gpt" }, 404, { code: "model_not_found" }],
    ["no messages", { messages: [] }, 400, { param: "messages" }],
    ["more than one choice", { n: 2 }, 400, { param: "n" }],
    [
      "a prompt that is too long",
      { messages: [{ role: "user", content: "w ".repeat(3000) }] },
      400,
      { type: "exceed_context_size_error", n_prompt_tokens: 3000, n_ctx: 2048 },
    ],
  ])("%s", async (_, body, status, error) => {
    using rig = new EngineRig();
    const answer = await rig.chat("x", body);
    expect(answer.status).toBe(status);
    expect((await jsonOf(answer)).error).toMatchObject(error);
  });

  test("a wrong key, but for its health", async () => {
    using rig = new EngineRig({ apiKey: "k-1" });
    expect((await rig.chat("x")).status).toBe(401);
    expect((await rig.chat("x", {}, { key: "k-1" })).status).toBe(200);
    expect(await rig.get("/health")).toEqual({ status: "ok" });
  });

  test("everything, while it loads", async () => {
    using rig = new EngineRig({ loadingMs: 60_000 });
    expect(await rig.get("/health")).toEqual({ error: { message: "Loading model", type: "unavailable_error", code: 503, param: null } });
  });
});

describe("slots", () => {
  test("one request more is refused with 429, and served once a client has gone", async () => {
    using rig = new EngineRig({ slots: 1 });
    const gone = new AbortController();
    const endless = await rig.chat("loop", { stream: true }, { signal: gone.signal, mock: "never_end" });
    const busy = await rig.chat("x");
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await taken(rig)).toBe(true);
    gone.abort();
    await endless.text().catch(() => undefined);
    await until("the slot is free", async () => !(await taken(rig)));
    expect((await rig.chat("x")).status).toBe(200);
    expect(await rig.get("/stats")).toMatchObject({ requests: 3, active: 0, canceled: 1, refused: 1, peak: 1 });
  });

  test("or waits, and goes from the queue when its client does", async () => {
    using rig = new EngineRig({ slots: 1, whenFull: "queue" });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = await rig.chat("loop", { stream: true }, { signal: first.signal, mock: "never_end" });
    const two = rig.chat("x", {}, { signal: second.signal });
    const three = rig.chat("x");
    await until("both wait", () => rig.engine.stats.waiting === 2);
    second.abort();
    await two.catch(() => undefined);
    await until("one waits", () => rig.engine.stats.waiting === 1);
    first.abort();
    await one.text().catch(() => undefined);
    expect((await three).status).toBe(200);
    expect(rig.engine.stats).toMatchObject({ active: 0, waiting: 0, canceled: 2, peak: 1 });
  });

  test.each([false, true])("a client that says it is its last request reads to the end of the connection (stream: %p)", async (stream) => {
    using rig = new EngineRig();
    const body = JSON.stringify({ model: "chain", messages: [{ role: "user", content: "loop" }], max_tokens: 3, stream });
    const said = await untilEnd(
      rig.engine.url,
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(said).toContain('"finish_reason":"length"');
  });

  test("a pace is kept", async () => {
    using rig = new EngineRig({ tokensPerS: 200 });
    const startedAt = performance.now();
    await (await rig.chat("hello", { max_tokens: 21, stream: true })).text();
    expect(performance.now() - startedAt).toBeGreaterThan(95);
  });

  test("a client that does not read stops its stream, not the others", async () => {
    using rig = new EngineRig({ slots: 2 });
    const stuck = await rig.chat("loop", { stream: true }, { mock: "never_end" });
    await until(
      "it has stopped",
      async () => {
        const { tokens } = rig.engine.stats;
        await (await rig.chat("x", { max_tokens: 0 })).text();
        await new Promise(setImmediate);
        return rig.engine.stats.tokens > 1000 && rig.engine.stats.tokens === tokens;
      },
      15_000,
    );
    await stuck.body?.cancel();
    await until("its slot is free", () => rig.engine.stats.active === 0);
  });
});

function untilEnd(url: string, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(request));
  socket.on("data", (bytes) => (said += bytes.toString("utf8")));
  socket.on("end", () => resolve(said));
  socket.on("error", reject);
  return promise;
}

test.each([
  ["/v1/embeddings", { input: [[{ toString: 1, valueOf: 2 }]] }, 400],
  ["/v1/rerank", { query: "a", documents: [[{ toString: 1, valueOf: 2 }]] }, 400],
  ["/v1/completions", { prompt: [[{ toString: 1, valueOf: 2 }]], max_tokens: 1 }, 200],
])("an object that cannot be a text does not end the engine: %s", async (path, body, status) => {
  using rig = new EngineRig();
  expect((await rig.post(path, body)).status).toBe(status);
});
