import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter } from "./adapter.ts";
import { Ask } from "./ask.ts";
import { propsOf } from "./llamacpp.ts";
import { openAiAdapter } from "./openai.ts";

/** `orco mock-engine`: answers as OpenAI does, and tells of its slots as llama.cpp does. Another stand-in need not. */
export function mockAdapter(client: UpstreamClient): Adapter {
  return { ...openAiAdapter(client, "mock"), props: (endpoint, signal) => propsOf(new Ask(client, endpoint, signal)) };
}
