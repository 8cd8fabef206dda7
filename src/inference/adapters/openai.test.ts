import { expect, test } from "bun:test";
import { WireEngine } from "../../../test/programs/wire-engine.ts";
import type { Json } from "../../kernel/event.ts";
import { AdapterRig, chat, completion } from "./contract.fake.ts";
import { adapterContract } from "./contract.suite.ts";

for (const engine of ["openai", "mock"] as const) {
  adapterContract({
    engine,
    recorded: "openai",
    streams: [
      {
        sample: "chat usage",
        request: chat(),
        path: "/v1/chat/completions",
        asks: { model: "small", seed: 7, stream: true },
        text: 'One two {"error": "no"}',
        end: { finishReason: "stop", tokensIn: 8, tokensOut: 3 },
      },
      {
        sample: "v1 completions",
        request: completion(),
        path: "/v1/completions",
        asks: { prompt: "hello" },
        text: " a b",
        end: { finishReason: "stop" },
      },
    ],
    passed: { sample: "chat usage", tokens: 3, end: { finishReason: "stop", tokensIn: 8, tokensOut: 3 } },
    results: [
      {
        sample: "embeddings",
        request: completion({ workload: "embedding", inputs: ["a"] }),
        path: "/v1/embeddings",
        data: [{ index: 0, embedding: [0.5, 1] }],
      },
      {
        sample: "rerank",
        request: completion({ workload: "rerank", inputs: { query: "q", documents: ["a"] } }),
        path: "/v1/rerank",
        data: [{ index: 0, score: 0.7 }],
      },
    ],
    errors: { first: "error first", later: "error later", request: chat(), message: /had an error/ },
    refused: { sample: "error context", status: 400, message: /maximum context length/ },
  });
}

test("embeddings of /v1 go on as they are, but for an answer that is none", async () => {
  const body = { model: "small", input: "a", encoding_format: "base64" };
  const request = completion({ workload: "embedding", openai: { path: "/embeddings", body, stream: false, includeUsage: true } });
  const told = async (answer: Json) => {
    using engine = new WireEngine();
    using rig = new AdapterRig("openai");
    const text = JSON.stringify(answer);
    engine.answer({
      bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`),
    });
    const { fault, told: calls } = await rig.ask(engine.url, request);
    return fault?.kind ?? calls.results[0];
  };
  const right = { object: "list", other: 1, data: [{ object: "embedding", index: 0, embedding: "AACAPw==" }] };
  expect(await told(right)).toEqual(right);
  for (const wrong of [{ foo: 1 }, [], { data: { embedding: [1] } }, { data: [{ foo: 1 }] }] as const)
    expect([wrong, await told(wrong)]).toEqual([wrong, "http"]);
});
