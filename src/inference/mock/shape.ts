import type { Ask } from "./ask.ts";

export type FinishReason = "stop" | "length" | "tool_calls";

/** How one answer looks on the wire: chunks of a stream, and the whole. Texts, not yet framed. */
export interface Shape {
  /** Chunks that come before the first token. */
  readonly first: readonly string[];
  token(text: string): string;
  last(reason: FinishReason): string;
  usage(tokens: number): string;
  whole(text: string, end: { reason: FinishReason; tokens: number }): string;
}

export function shapeOf(ask: Ask, id: number): Shape {
  return ask.chat ? chatShape(ask, id) : completionShape(ask, id);
}

function chatShape(ask: Ask, id: number): Shape {
  const name = `"id":"chatcmpl-mock-${id}","object":"chat.completion`;
  const rest = restOf(ask);
  const nullUsage = ask.includeUsage ? `,"usage":null` : "";
  const chunk = (delta: string, reason: string): string =>
    `{${name}.chunk",${rest},"choices":[{"index":0,"delta":${delta},"finish_reason":${reason}}]${nullUsage}}`;
  // One concatenation for each token.
  const before = `{${name}.chunk",${rest},"choices":[{"index":0,"delta":{"content":`;
  const after = `},"finish_reason":null}]${nullUsage}}`;
  const call = ask.tool === undefined ? undefined : toolCall(ask, id);
  return {
    first: [
      chunk(`{"role":"assistant","content":${ask.tool === undefined ? `""` : "null"}}`, "null"),
      ...(call === undefined ? [] : [chunk(`{"tool_calls":[{"index":0,${call}}]}`, "null")]),
    ],
    token: (text) => before + JSON.stringify(text) + after,
    last: (reason) => chunk("{}", `"${reason}"`),
    usage: (tokens) => `{${name}.chunk",${rest},"choices":[],"usage":${usageOf(ask, tokens)}}`,
    whole: (text, { reason, tokens }) =>
      `{${name}",${rest},"choices":[{"index":0,"message":{"role":"assistant","content":${call === undefined ? JSON.stringify(text) : `null,"tool_calls":[{${call}}]`}},"logprobs":null,"finish_reason":"${reason}"}],"usage":${usageOf(ask, tokens)}}`,
  };
}

function completionShape(ask: Ask, id: number): Shape {
  const name = `"id":"cmpl-mock-${id}","object":"text_completion",${restOf(ask)}`;
  const nullUsage = ask.includeUsage ? `,"usage":null` : "";
  const choice = (text: string, reason: string): string =>
    `"choices":[{"index":0,"text":${text},"logprobs":null,"finish_reason":${reason}}]`;
  return {
    first: [],
    token: (text) => `{${name},${choice(JSON.stringify(text), "null")}${nullUsage}}`,
    last: (reason) => `{${name},${choice(`""`, `"${reason}"`)}${nullUsage}}`,
    usage: (tokens) => `{${name},"choices":[],"usage":${usageOf(ask, tokens)}}`,
    whole: (text, { reason, tokens }) => `{${name},${choice(JSON.stringify(text), `"${reason}"`)},"usage":${usageOf(ask, tokens)}}`,
  };
}

function restOf({ model }: Ask): string {
  return `"created":${Math.floor(Date.now() / 1000)},"model":${JSON.stringify(model)},"system_fingerprint":"mock"`;
}

/** Its argument is what the user said last. */
function toolCall({ tool, prompt }: Ask, id: number): string {
  const call = { name: tool, arguments: JSON.stringify({ echo: prompt }) };
  return `"id":"call_mock_${id}","type":"function","function":${JSON.stringify(call)}`;
}

function usageOf({ promptTokens }: Ask, tokens: number): string {
  return `{"prompt_tokens":${promptTokens},"completion_tokens":${tokens},"total_tokens":${promptTokens + tokens}}`;
}
