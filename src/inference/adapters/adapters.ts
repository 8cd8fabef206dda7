import type { EngineKind } from "../request.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter } from "./adapter.ts";
import { llamacppAdapter } from "./llamacpp.ts";
import { mockAdapter } from "./mock.ts";
import { openAiAdapter } from "./openai.ts";
import { tgiAdapter } from "./tgi.ts";
import { vllmAdapter } from "./vllm.ts";

export function adapterOf(engine: EngineKind, client: UpstreamClient): Adapter {
  switch (engine) {
    case "llamacpp":
      return llamacppAdapter(client);
    case "vllm":
      return vllmAdapter(client);
    case "tgi":
      return tgiAdapter(client);
    case "openai":
      return openAiAdapter(client);
    case "mock":
      return mockAdapter(client);
  }
}
