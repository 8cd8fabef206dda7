import { chat, completion } from "./contract.fake.ts";
import { adapterContract } from "./contract.suite.ts";

adapterContract({
  engine: "tgi",
  streams: [
    {
      sample: "generate eos",
      request: completion({ maxTokens: 9, temperature: 0.5, stop: ["."] }),
      path: "/generate_stream",
      asks: { inputs: "hello", parameters: { max_new_tokens: 9, temperature: 0.5, do_sample: true, seed: 7, stop: ["."], details: true } },
      text: " the fox 🙂",
      end: { finishReason: "stop", tokensIn: 5, tokensOut: 3 },
    },
    {
      sample: "generate length",
      request: completion({ temperature: 0 }),
      path: "/generate_stream",
      asks: { parameters: { details: true } },
      text: " a b",
      end: { finishReason: "length", tokensIn: 5, tokensOut: 2 },
    },
    {
      sample: "chat usage",
      request: chat(),
      path: "/v1/chat/completions",
      asks: { stream: true },
      text: "Hi there",
      end: { finishReason: "stop", tokensIn: 9, tokensOut: 2 },
    },
  ],
  passed: { sample: "chat usage", tokens: 2, end: { finishReason: "stop", tokensIn: 9, tokensOut: 2 } },
  results: [
    {
      sample: "embeddings",
      request: completion({ workload: "embedding", inputs: ["a", "b"] }),
      path: "/embed",
      data: [
        { index: 0, embedding: [0.5, 1] },
        { index: 1, embedding: [0, -1] },
      ],
    },
    {
      sample: "rerank",
      request: completion({ workload: "rerank", inputs: { query: "q", documents: ["a", "b"] } }),
      path: "/rerank",
      data: [
        { index: 1, score: 0.97 },
        { index: 0, score: 0.02 },
      ],
    },
  ],
  errors: { first: "error first", later: "error later", request: completion(), message: /out of memory/ },
  refused: { sample: "error context", status: 422, message: /must have less than 1024 tokens/ },
});
