import { chat, completion, passed } from "./contract.fake.ts";
import { faultContract } from "./faults.suite.ts";

const openAiToken = (text: string): string =>
  `{"id":"c","object":"chat.completion.chunk","created":1,"model":"small","choices":[{"index":0,"finish_reason":null,"delta":{"content":${JSON.stringify(text)}}}]}`;
const openAiLast = ['{"id":"c","choices":[{"index":0,"finish_reason":"stop","delta":{}}]}', "[DONE]"];
const openAi = { token: openAiToken, last: openAiLast };

for (const engine of ["openai", "mock", "vllm", "llamacpp", "tgi"] as const) {
  faultContract({ engine, request: passed(), asFrames: true, ...openAi });
  faultContract({ engine, request: chat(), asFrames: false, ...openAi });
}

faultContract({
  engine: "llamacpp",
  request: completion(),
  asFrames: false,
  token: (text) => `{"index":0,"tokens":[1],"stop":false,"content":${JSON.stringify(text)}}`,
  last: ['{"index":0,"content":"","stop":true,"stop_type":"eos","tokens_predicted":2,"tokens_evaluated":3}'],
});

faultContract({
  engine: "tgi",
  request: completion(),
  asFrames: false,
  token: (text) =>
    `{"index":1,"generated_text":null,"details":null,"token":{"id":1,"logprob":0,"special":false,"text":${JSON.stringify(text)}}}`,
  last: ['{"index":2,"token":{"id":2,"text":"</s>","special":true},"generated_text":"x","details":{"finish_reason":"eos_token"}}'],
});
