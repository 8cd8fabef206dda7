import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { adapterOf } from "../inference/adapters/adapters.ts";
import type { EngineKind, TaskRequest } from "../inference/request.ts";
import { UpstreamClient } from "../inference/upstream/client.ts";
import { systemClock } from "../kernel/clock.ts";
import { type InferenceServer, startInferenceServer } from "./inference.fake.ts";

const sink = { opened() {}, token() {}, frames() {}, result() {}, skipped() {} };
const BIG = "9007199254740993";

/** An engine that refuses everything, and tells what it was sent. */
let engine: ReturnType<typeof Bun.serve>;
let heard: string[];
const client = new UpstreamClient({ clock: systemClock() });
let server: InferenceServer;
beforeAll(() => {
  engine = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      heard.push(await request.text());
      return Response.json({ error: { message: "no" } }, { status: 400 });
    },
  });
});
afterAll(async () => {
  client.close();
  await engine.stop(true);
});
beforeEach(() => {
  heard = [];
  server = startInferenceServer();
});
afterEach(() => server.dispose());

/** What an engine gets of a body; of one that is refused its error. */
async function passed(path: string, body: string, kind: EngineKind = "openai"): Promise<string> {
  const made = server.tasks.next();
  const response = fetch(server.url + path, { method: "POST", headers: { "content-type": "application/json" }, body });
  const task = await Promise.race([made, response]);
  if (task instanceof Response) return `refused ${task.status}: ${await task.text()}`;
  const { request }: { request: TaskRequest } = task;
  await adapterOf(kind, client)
    .stream({ url: `http://127.0.0.1:${engine.port}` }, request, { sink })
    .end.catch(() => undefined);
  task.channel.failed({ code: "INVALID_PARAMS", message: "no", retriable: false });
  await (await response).text();
  return heard.at(-1) ?? "nothing";
}

const messages = `"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"a","order":${BIG}}]}]`;

describe("a number that no double holds comes to the engine as it was written", () => {
  test.each(["openai", "llamacpp", "tgi"] as const)("of a chat over /v1, for %s", async (kind) => {
    const got = await passed("/v1/chat/completions", `{"model":"chain",${messages},"seed":${BIG},"limit":-1e400,"max_tokens":5}`, kind);
    for (const part of [messages, `"seed":${BIG}`, '"limit":-1e400', '"max_tokens":5', '"stream":true']) expect(got).toContain(part);
  });

  test("of completions and embeddings over /v1", async () => {
    expect(await passed("/v1/completions", `{"model":"chain","prompt":"x","logit_bias":{"5":${BIG}}}`)).toContain(BIG);
    expect(await passed("/v1/embeddings", `{"model":"chain","input":"x","dimensions_of":${BIG}}`)).toContain(BIG);
  });

  test("of the messages and documents of a task", async () => {
    expect(await passed("/v2/tasks", `{"model_ref":"chain",${messages}}`)).toContain(messages);
    const inputs = `{"query":"x","documents":[{"id":${BIG}}]}`;
    expect(await passed("/v2/tasks", `{"model_ref":"chain","workload":"rerank","inputs":${inputs}}`)).toContain(
      `"documents":[{"id":${BIG}}]`,
    );
  });
});

describe("a number that is read here has to be one that is held", () => {
  const chat = '"model":"chain","messages":[{"role":"user","content":"hi"}]';
  test.each([
    ["/v1/chat/completions", `{${chat},"max_tokens":${BIG}}`],
    ["/v1/chat/completions", `{${chat},"n":1e400}`],
    ["/v1/chat/completions", `{${chat},"seed":1e400}`],
    ["/v1/chat/completions", `{${chat},"seed":0.5}`],
    ["/v2/tasks", `{"model_ref":"chain","prompt":"x","seed":${BIG}}`],
    ["/v2/tasks", `{"model_ref":"chain","prompt":"x","temperature":1e400}`],
  ])("%s %s", async (path, body) => {
    expect(await passed(path, body)).toStartWith("refused 400");
  });

  test("and is passed as it was read", async () => {
    const got = await passed("/v1/chat/completions", `{${chat},"n":2.00000000000000000,"top":${BIG}}`);
    expect(got).toContain(`"n":2,"top":${BIG}`);
  });
});
