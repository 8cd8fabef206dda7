import { chat, completion } from "./contract.fake.ts";
import { adapterContract } from "./contract.suite.ts";

const SENTENCE =
  " the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip .";

adapterContract({
  engine: "llamacpp",
  streams: [
    {
      sample: "completion limit",
      request: completion({ maxTokens: 4, temperature: 0, stop: ["x"] }),
      path: "/completion",
      asks: { prompt: "hello", n_predict: 4, seed: 7, temperature: 0, stop: ["x"], stream: true, cache_prompt: true },
      text: " the quick brown fox",
      end: { finishReason: "length", tokensIn: 7, tokensOut: 4 },
    },
    {
      sample: "completion eos",
      request: completion({ kvHint: "cold" }),
      path: "/completion",
      asks: { cache_prompt: false },
      text: " trip .",
      end: { finishReason: "stop", tokensIn: 3, tokensOut: 3 },
    },
    {
      sample: "completion stop word",
      request: completion(),
      path: "/completion",
      asks: {},
      text: " the quick br",
      end: { finishReason: "stop", tokensIn: 7, tokensOut: 4 },
    },
    {
      sample: "completion emoji",
      request: completion(),
      path: "/completion",
      asks: {},
      text: "🙂 .",
      end: { finishReason: "stop", tokensIn: 4, tokensOut: 6 },
    },
    {
      sample: "chat stop",
      request: chat({ maxTokens: 40 }),
      path: "/v1/chat/completions",
      asks: { messages: [{ role: "user", content: "hi" }], max_tokens: 40, stream: true, cache_prompt: true },
      text: SENTENCE,
      end: { finishReason: "stop" },
    },
    {
      sample: "chat usage",
      request: completion({ messages: [{ role: "user", content: "hi" }] }),
      path: "/v1/chat/completions",
      asks: { stream_options: { include_usage: true } },
      text: " the quick brown fox",
      end: { finishReason: "length", tokensIn: 27, tokensOut: 4 },
    },
  ],
  passed: { sample: "chat usage", tokens: 4, end: { finishReason: "length", tokensIn: 27, tokensOut: 4 } },
  results: [
    {
      sample: "embeddings",
      request: completion({ workload: "embedding", inputs: ["a", "b"] }),
      path: "/v1/embeddings",
      data: [
        { index: 0, embedding: [1, 0.125] },
        { index: 1, embedding: [0.25, -0.5] },
      ],
    },
    {
      sample: "rerank",
      request: completion({ workload: "rerank", inputs: { query: "q", documents: ["a", "b"] } }),
      path: "/v1/rerank",
      data: [
        { index: 1, score: 0.9 },
        { index: 0, score: -3.25 },
      ],
    },
  ],
  refused: { sample: "error context", status: 400, message: /3002 tokens.*512 tokens/ },
});
