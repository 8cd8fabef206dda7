import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { fastest } from "../../test/fastest.ts";
import { failure } from "../inference/failure.ts";
import type { JsonObject } from "../kernel/event.ts";
import { type FakeTask, type InferenceServer, startInferenceServer } from "./inference.fake.ts";

const END = { tokens_in: 1, tokens_out: 1, decode_ms: 2, finish_reason: "stop" };
const CHAT = { model: "chain", messages: [{ role: "user", content: "hi" }] };
const STREAM = { ...CHAT, stream: true };

let server: InferenceServer;
beforeEach(() => (server = startInferenceServer()));
afterEach(() => server.dispose());

function frame(delta: JsonObject, finish: string | null = null): Uint8Array {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return Buffer.from(`data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "chain", choices })}\n\n`);
}

/** A request under way, and the task it became. */
async function asked(
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ response: Promise<Response>; task: FakeTask }> {
  const made = server.tasks.next();
  const response = server.post(path, body, { headers });
  return { response, task: await made };
}

function dataIn(text: string): unknown[] {
  return text
    .split("\n\n")
    .filter(Boolean)
    .map((event) => (event === "data: [DONE]" ? "[DONE]" : JSON.parse(event.slice("data: ".length))));
}

describe("a streamed answer", () => {
  test("is the engine's own bytes, and [DONE]", async () => {
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    const frames = [frame({ role: "assistant", content: "" }), frame({ content: "é" }), frame({}, "stop")];
    task.channel.opened();
    for (const bytes of frames) task.channel.frames(bytes, 1);
    task.channel.ended(END);
    const answer = await response;
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    expect(answer.headers.get("x-request-id")).toBe(task.request.requestId);
    expect(answer.headers.get("x-ratelimit-limit-requests")).toBe("10");
    expect(answer.headers.get("x-ratelimit-remaining-requests")).toBe("7");
    expect(await answer.text()).toBe(`${Buffer.concat(frames).toString()}data: [DONE]\n\n`);
  });

  test("gets the role and the finish reason that the engine left out", async () => {
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    task.channel.opened();
    task.channel.frames(frame({ content: "a" }), 1);
    task.channel.frames(frame({ content: "b" }), 1);
    task.channel.ended({ ...END, finish_reason: "length" });
    const data = dataIn(await (await response).text()) as { id?: string; choices: JsonObject[] }[];
    expect(data.slice(0, -1).map(({ choices }) => choices[0]?.["delta"])).toEqual([
      { content: "a", role: "assistant" },
      { content: "b" },
      {},
    ]);
    expect(data[2]).toMatchObject({ id: "c", object: "chat.completion.chunk", choices: [{ index: 0, finish_reason: "length" }] });
    expect(data.at(-1) as unknown).toBe("[DONE]");
  });

  test("gets the usage that was asked for once, however the engine says it", async () => {
    const options = { ...STREAM, stream_options: { include_usage: true } };
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } };
    const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: "chain" };
    const encode = (data: object) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
    const words = frame({ role: "assistant", content: '\\"choices\\":[]' });
    const finish = { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    const counted = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    const ways: [string, Uint8Array[], object][] = [
      ["last, by itself", [words, encode(finish), encode({ ...chunk, choices: [], usage })], usage],
      ["with the finish", [words, encode({ ...finish, usage })], usage],
      ["never", [words, encode(finish)], counted],
      ["never, nor a finish", [words], counted],
      ["never, and null", [words, encode({ ...finish, usage: null })], counted],
    ];
    for (const [way, frames, said] of ways) {
      const { response, task } = await asked("/v1/chat/completions", options);
      task.channel.opened();
      for (const bytes of frames) task.channel.frames(bytes, 1);
      task.channel.ended(END);
      const data = dataIn(await (await response).text()) as { choices: unknown[] }[];
      expect([way, data.at(-2)]).toEqual([way, { ...chunk, choices: [], usage: said } as never]);
      expect(data.filter(({ choices }) => choices?.length === 0)).toHaveLength(1);
      expect(data.at(-1) as unknown).toBe("[DONE]");
    }
  });

  test("is UTF-8, whatever the engine sent: half a character becomes U+FFFD", async () => {
    const half = (content: string): Uint8Array => {
      const bytes = Buffer.from(frame({ content }));
      const at = bytes.indexOf("🙂");
      return Buffer.concat([bytes.subarray(0, at + 2), bytes.subarray(at + 4)]);
    };
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    task.channel.opened();
    for (const bytes of [half("a🙂"), frame({ content: "é🙂" }), half("🙂b"), frame({}, "stop")]) task.channel.frames(bytes, 1);
    task.channel.ended(END);
    const bytes = await (await response).arrayBuffer();
    const data = dataIn(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as { choices: { delta: JsonObject }[] }[];
    expect(data.slice(0, 3).map(({ choices }) => choices[0]?.delta["content"])).toEqual(["a\ufffd", "é🙂", "\ufffdb"]);
  });

  test("breaks off where the engine died: its error, then no end", async () => {
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    task.channel.opened();
    task.channel.frames(frame({ role: "assistant", content: "a" }), 1);
    const reader = (await response).body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    let text = new TextDecoder().decode((await reader.read()).value);
    task.channel.failed({ code: "WORKER_RESET", message: "the engine died", retriable: true });
    const rest = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        text += new TextDecoder().decode(value);
      }
    };
    expect(
      await rest().then(
        () => "ended",
        () => "broken",
      ),
    ).toBe("broken");
    expect(text).not.toContain("[DONE]");
    expect(dataIn(text).at(-1)).toEqual({ error: { message: "the engine died", type: "server_error", code: "WORKER_RESET", param: null } });
  });

  test("that fails before its first frame is an error with its status", async () => {
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    task.channel.failed({ code: "REPLICA_EXHAUSTED", message: "tried four times", retriable: true, retry_after_ms: 40 });
    const answer = await response;
    expect([answer.status, answer.headers.get("retry-after-ms"), answer.headers.get("x-should-retry")]).toEqual([503, "40", null]);
    expect(await answer.json()).toEqual({
      error: { message: "tried four times", type: "server_error", code: "REPLICA_EXHAUSTED", param: null },
    });
  });

  test("ends with the server, but never as if it were complete", async () => {
    const { response, task } = await asked("/v1/chat/completions", STREAM);
    task.channel.opened();
    task.channel.frames(frame({ content: "a" }), 1);
    const how = (await response).text().then(
      () => "ended",
      () => "broken",
    );
    await server.close();
    expect(await how).toBe("broken");
    expect(task.isCanceled).toBe(true);
  });
});

describe("a client that vanishes", () => {
  for (const [when, body] of [
    ["streams", STREAM],
    ["waits for it whole", CHAT],
  ] as const)
    test(`while its task is queued leaves the queue: one that ${when}`, async () => {
      const text = JSON.stringify(body);
      const took = await fastest(async () => {
        const made = server.tasks.next();
        const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
        );
        const task = await made;
        const at = performance.now();
        socket.destroy();
        await task.canceled;
        return performance.now() - at;
      });
      expect(took).toBeLessThan(50);
    });

  test("in mid-stream gives its engine up", async () => {
    const gone = new AbortController();
    const made = server.tasks.next();
    const response = server.post("/v1/chat/completions", STREAM, { signal: gone.signal });
    const task = await made;
    task.channel.opened();
    task.channel.frames(frame({ content: "a" }), 1);
    await response;
    gone.abort();
    await task.canceled;
    expect(task.isCanceled).toBe(true);
  });
});

describe("a whole answer", () => {
  test("is put together from the stream, with usage", async () => {
    const { response, task } = await asked("/v1/chat/completions", CHAT);
    expect(task.request.openai).toMatchObject({ stream: false, includeUsage: true });
    task.channel.opened();
    task.channel.frames(Buffer.concat([frame({ role: "assistant", content: "a" }), frame({ content: "b" }), frame({}, "stop")]), 2);
    task.channel.ended(END);
    expect(await (await response).json()).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: "ab" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    });
  });

  test("of an engine that died in the middle is an error that SDKs try again", async () => {
    const { response, task } = await asked("/v1/chat/completions", CHAT);
    task.channel.opened();
    task.channel.frames(frame({ content: "a" }), 1);
    task.channel.failed({ code: "WORKER_RESET", message: "died", retriable: true });
    expect((await response).status).toBe(502);
  });

  test("of embeddings is the engine's, in base64 where that was asked for", async () => {
    const body = { model: "chain", input: ["a"], encoding_format: "base64" };
    const { response, task } = await asked("/v1/embeddings", body);
    task.channel.opened();
    task.channel.result({ object: "list", data: [{ index: 0, embedding: [1, -0.5] }], model: "chain" });
    task.channel.ended(END);
    const { data } = (await (await response).json()) as { data: { embedding: string }[] };
    const bytes = Buffer.from(data[0]?.embedding ?? "", "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length]).toEqual([1, -0.5, 8]);
  });

  test("of embeddings that are no numbers is left as the engine said it", async () => {
    const { response, task } = await asked("/v1/embeddings", { model: "chain", input: ["a"], encoding_format: "base64" });
    const vector = [{ toString: 1, valueOf: 1 }];
    task.channel.opened();
    task.channel.result({ object: "list", data: [{ index: 0, embedding: vector }], model: "chain" });
    task.channel.ended(END);
    expect(await (await response).json()).toMatchObject({ data: [{ index: 0, embedding: vector }] });
  });
});

describe("a request", () => {
  test("goes to the engine as it came, with what orco does not know", async () => {
    const body = {
      ...STREAM,
      user: "ann",
      max_completion_tokens: 9,
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA" } }] }],
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object", additionalProperties: false } } }],
      stream_options: { include_usage: true, other: 1 },
      unknown_field: { deep: [1, null, "é"] },
    };
    const { response, task } = await asked("/v1/chat/completions", body, { "x-session-id": "s1", "x-priority": "batch" });
    expect(task.request.openai).toEqual({ path: "/chat/completions", body, stream: true, includeUsage: true });
    expect(task.request).toMatchObject({
      model: "chain",
      workload: "chat",
      priority: "batch",
      sessionId: "s1",
      shareKey: "user:ann",
      maxTokens: 9,
      cancelOnDisconnect: true,
    });
    task.channel.failed({ code: "CANCELED", message: "c", retriable: false });
    await response;
  });

  test("that is wrong is refused as OpenAI does", async () => {
    const bad: [string, object, string | null, Record<string, string>?][] = [
      ["/v1/chat/completions", { messages: CHAT.messages }, "model"],
      ["/v1/chat/completions", { model: "chain", messages: [] }, "messages"],
      ["/v1/completions", { model: "chain" }, "prompt"],
      ["/v1/embeddings", { model: "chain", input: 1 }, "input"],
      ["/v1/chat/completions", { ...CHAT, max_tokens: "many" }, "max_tokens"],
      ["/v1/chat/completions", CHAT, "x-priority", { "x-priority": "urgent" }],
    ];
    for (const [path, body, param, headers] of bad) {
      const response = await server.post(path, body, headers ? { headers } : {});
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({
        error: { message: expect.any(String), type: "invalid_request_error", code: expect.any(String), param },
      });
    }
    expect(server.tasks.made).toEqual([]);
  });

  test("that is refused for good is not to be sent again", async () => {
    server.tasks.refusal = failure("ADMISSION_REJECT", "8 turns", { retriable: false, policy_label: "session_turns" });
    const refused = await server.post("/v1/chat/completions", CHAT);
    expect([refused.status, refused.headers.get("x-should-retry"), refused.headers.get("retry-after")]).toEqual([429, "false", null]);
    server.tasks.refusal = failure("ADMISSION_REJECT", "full", { retry_after_ms: 1500 });
    const full = await server.post("/v1/chat/completions", STREAM);
    expect([full.status, full.headers.get("retry-after"), full.headers.get("retry-after-ms")]).toEqual([429, "2", "1500"]);
    expect(full.headers.get("x-should-retry")).toBeNull();
  });
});
