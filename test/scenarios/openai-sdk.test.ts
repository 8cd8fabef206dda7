import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { APIError, BadRequestError, NotFoundError, RateLimitError } from "openai";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { OpenAiRig } from "./openai-rig.ts";

const HELLO = [{ role: "user" as const, content: "hello" }];
const TOOL = { type: "function" as const, function: { name: "sum", parameters: { type: "object", properties: {} } } };
const PIXEL = "data:image/png;base64,iVBORw0KGgo=";

let orco: OpenAiRig;
let client: OpenAI;
beforeAll(async () => {
  orco = await OpenAiRig.start();
  client = new OpenAI({ baseURL: `${orco.url}/v1`, apiKey: "sk-not-asked-for" });
}, 60_000);
afterAll(() => orco[Symbol.asyncDispose]());

const chat = (content: string) => ({ model: "chain", messages: [{ role: "user" as const, content }] });

/** The SDK's promises are of its own kind. */
async function thrownBy(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("it was not refused");
}

/** What the stream said, and with what it ended. */
async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  const seen = {
    text: "",
    roles: [] as string[],
    finish: [] as string[],
    usage: [] as OpenAI.CompletionUsage[],
    failure: undefined as unknown,
  };
  try {
    for await (const { choices, usage } of stream) {
      if (usage) seen.usage.push(usage);
      for (const { delta, finish_reason: finish } of choices) {
        if (delta.role) seen.roles.push(delta.role);
        if (finish) seen.finish.push(finish);
        seen.text += delta.content ?? "";
      }
    }
  } catch (error) {
    seen.failure = error;
  }
  return seen;
}

describe("the official SDK, unmodified", () => {
  test("lists models, and finds one", async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual(["chain"]);
    expect(await client.models.retrieve("chain")).toMatchObject({ id: "chain", object: "model" });
    expect(await thrownBy(client.models.retrieve("org/nope"))).toBeInstanceOf(NotFoundError);
  });

  test("chats", async () => {
    const { data, response, request_id: id } = await client.chat.completions.create({ ...chat("hello"), max_tokens: 3 }).withResponse();
    expect(data.choices).toEqual([
      { index: 0, message: { role: "assistant", content: " the quick brown" } as never, logprobs: null, finish_reason: "length" },
    ]);
    expect(data.usage).toEqual({ prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 });
    expect(id).toBe(response.headers.get("x-request-id"));
    expect(id).not.toBeNull();
  });

  test("streams: role first, one finish reason, usage only when it was asked for", async () => {
    const plain = await read(await client.chat.completions.create({ ...chat("hello"), max_tokens: 3, stream: true }));
    expect(plain).toEqual({ text: " the quick brown", roles: ["assistant"], finish: ["length"], usage: [], failure: undefined });
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    const counted = await read(await client.chat.completions.create({ ...chat("hello"), max_tokens: 3, ...options }));
    expect(counted.usage).toEqual([{ prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 }]);
  });

  test("collects a stream by its own helper", async () => {
    const runner = client.chat.completions.stream({ ...chat("hello"), max_tokens: 4 });
    expect(await runner.finalContent()).toBe(" the quick brown fox");
  });

  test("calls a tool and hands back what it said, streamed and whole", async () => {
    const called = await client.chat.completions.create({ ...chat("add"), tools: [TOOL] });
    const [call] = called.choices[0]?.message.tool_calls ?? [];
    expect(called.choices[0]?.finish_reason).toBe("tool_calls");
    if (call?.type !== "function") throw new Error("no function was called");
    expect(call.function.name).toBe("sum");
    const runner = client.chat.completions.stream({ ...chat("add"), tools: [TOOL] });
    const [streamed] = (await runner.finalMessage()).tool_calls ?? [];
    expect(streamed?.type === "function" && streamed.function.name).toBe("sum");
    const answered = await client.chat.completions.create({
      model: "chain",
      messages: [...HELLO, { role: "assistant", tool_calls: [call] }, { role: "tool", tool_call_id: call.id, content: "4" }],
      tools: [TOOL],
    });
    expect(answered.choices[0]?.message.content).toContain(`${JSON.stringify(call.id)} said 4`);
  });

  test("shows an image", async () => {
    const content = [{ type: "image_url" as const, image_url: { url: PIXEL } }];
    const { choices } = await client.chat.completions.create({ model: "chain", messages: [{ role: "user", content }] });
    expect(choices[0]?.message.content).toBe(` image ${PIXEL} of ${PIXEL.length} characters`);
  });

  test("completes", async () => {
    const whole = await client.completions.create({ model: "chain", prompt: "hello", max_tokens: 2 });
    expect(whole.choices[0]).toMatchObject({ text: " the quick", finish_reason: "length" });
    let text = "";
    for await (const { choices } of await client.completions.create({ model: "chain", prompt: "hello", max_tokens: 2, stream: true }))
      text += choices[0]?.text ?? "";
    expect(text).toBe(" the quick");
  });

  test("embeds, as numbers whatever way they came", async () => {
    const { data } = await client.embeddings.create({ model: "chain", input: ["a", "b"] });
    const floats = await client.embeddings.create({ model: "chain", input: ["a", "b"], encoding_format: "float" });
    expect(data).toHaveLength(2);
    data.forEach(({ embedding }, at) => {
      const other = floats.data[at]?.embedding ?? [];
      expect(embedding.length).toBe(other.length);
      embedding.forEach((value, n) => expect(value).toBeCloseTo(other[n] ?? Number.NaN, 5));
    });
  });
});

describe("errors that the SDK knows", () => {
  test("an unknown model: 404, and nothing is tried again", async () => {
    const error = await thrownBy(client.chat.completions.create({ ...chat("x"), model: "nope" }));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model", type: "invalid_request_error" });
  });

  test("a wrong request, ours to see or the engine's: 400", async () => {
    const wrong = await thrownBy(client.chat.completions.create({ ...chat("x"), max_tokens: -1 }));
    expect(wrong).toBeInstanceOf(BadRequestError);
    expect(wrong).toMatchObject({ param: "max_tokens" });
    expect(await thrownBy(client.chat.completions.create({ ...chat("x"), temperature: 9 }))).toBeInstanceOf(BadRequestError);
  });

  test("an engine that dies in mid-stream: what came before, then an error and never an end", async () => {
    const seen = await read(await client.chat.completions.create({ ...chat("hello x-mock: reset=2"), stream: true }));
    expect(seen.text).toBe(" the quick");
    expect(seen.finish).toEqual([]);
    expect(seen.failure).toBeInstanceOf(APIError);
    expect(seen.failure).toMatchObject({ code: "WORKER_RESET" });
  });

  test("a full queue: 429, and the SDK comes back when it is told to", async () => {
    // Its context of 2,048 tokens lasts for minutes, so that the slot is taken until the client goes.
    await using full = await OpenAiRig.start({ slots: 1, tokensPerS: 20 }, { ORCHD_ADMISSION_CAPACITY: "1" });
    const other = new OpenAI({ baseURL: `${full.url}/v1`, apiKey: "k" });
    const gone = new AbortController();
    const endless = await other.chat.completions.create({ ...chat("loop"), stream: true }, { signal: gone.signal });
    const first = read(endless);
    const waiting = other.chat.completions.create({ ...chat("hello"), max_tokens: 1 });
    const queued = waiting.then(({ choices }) => choices[0]?.message.content);
    const api = new InferenceCalls(full.rig);
    await api.poolThat("p", ({ queue_depth: depth }) => depth === 1);
    const refused = await thrownBy(other.chat.completions.create(chat("hello"), { maxRetries: 0 }));
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused).toMatchObject({ status: 429, code: "ADMISSION_REJECT" });
    expect(Number((refused as RateLimitError).headers.get("retry-after-ms"))).toBeGreaterThanOrEqual(0);
    expect(Number((refused as RateLimitError).headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    gone.abort();
    await first;
    expect(await queued).toBe(" the");
  }, 60_000);
});

test("a stream that the client aborts gives its engine up", async () => {
  const api = new InferenceCalls(orco.rig);
  const stream = await client.chat.completions.create({ ...chat("loop"), stream: true });
  let seen = 0;
  for await (const _ of stream) if (++seen === 3) break;
  await api.poolThat("p", ({ slots_free: free, slots_total: total }) => free === total);
  await until(
    "the engine to be idle",
    async () => (await client.chat.completions.create({ ...chat("hello"), max_tokens: 1 })).choices.length === 1,
  );
});
