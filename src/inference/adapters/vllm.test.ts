import { chat, completion } from "./contract.fake.ts";
import { adapterContract } from "./contract.suite.ts";

adapterContract({
  engine: "vllm",
  streams: [
    {
      sample: "chat usage",
      request: chat({ stop: ["."] }),
      path: "/v1/chat/completions",
      asks: { model: "small", stop: ["."], seed: 7, stream: true, stream_options: { include_usage: true } },
      text: 'Say "finish_reason": \\ éé 🙂\n',
      end: { finishReason: "stop", tokensIn: 11, tokensOut: 4 },
    },
    {
      sample: "v1 completions",
      request: completion({ maxTokens: 2 }),
      path: "/v1/completions",
      asks: { prompt: "hello", max_tokens: 2 },
      text: " the fox",
      end: { finishReason: "length", tokensIn: 2, tokensOut: 2 },
    },
  ],
  passed: { sample: "chat usage", tokens: 3, end: { finishReason: "stop", tokensIn: 11, tokensOut: 4 } },
  results: [
    {
      sample: "embeddings",
      request: completion({ workload: "embedding", inputs: ["a", "b"] }),
      path: "/v1/embeddings",
      data: [
        { index: 0, embedding: [0.5, 1] },
        { index: 1, embedding: [0, -1] },
      ],
    },
    {
      sample: "rerank",
      request: completion({ workload: "rerank", inputs: { query: "q", documents: ["a", "b"] } }),
      path: "/v1/rerank",
      data: [
        { index: 1, score: 0.99 },
        { index: 0, score: 0.01 },
      ],
    },
  ],
  errors: { first: "error first", later: "error later", request: chat(), message: /EngineCore encountered an issue/ },
  refused: { sample: "error old", status: 404, message: /does not exist/ },
});
