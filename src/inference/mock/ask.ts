import type { Json, JsonObject } from "../../kernel/event.ts";
import { Refusal } from "./refusal.ts";
import { countWords } from "./words.ts";

/** A request for text, checked. */
export interface Ask {
  readonly chat: boolean;
  readonly model: string;
  readonly prompt: string;
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly stops: readonly string[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Name of the function to call instead of saying something. */
  readonly tool?: string;
  /** What it says instead of its sentence: echoes of images and of what tools returned. */
  readonly echo?: string;
}

/** Errors: `Refusal` 400, 404. */
export function parseAsk(body: JsonObject, limits: { chat: boolean; models: readonly string[]; ctx: number }): Ask {
  const { chat, ctx } = limits;
  const model = modelOf(body, limits.models);
  const messages = chat ? messagesOf(body) : [];
  const prompt = chat ? textOf(messages.at(-1)?.["content"]) : textOf(body["prompt"] ?? "");
  const promptTokens = chat ? messages.reduce((sum, { content }) => sum + countWords(textOf(content)), 0) : countWords(prompt);
  if (promptTokens >= ctx)
    throw new Refusal(400, `the request exceeds the available context size (${promptTokens} of ${ctx} tokens)`, {
      type: "exceed_context_size_error",
      code: 400,
      n_prompt_tokens: promptTokens,
      n_ctx: ctx,
    });
  const n = number(body, "n", { min: 1, max: 128 }) ?? 1;
  if (n !== 1) throw new Refusal(400, "the mock engine gives one choice: n must be 1", { param: "n" });
  const tool = chat ? toolOf(body, messages) : undefined;
  const echo = chat ? echoOf(messages) : undefined;
  return {
    chat,
    model,
    prompt,
    promptTokens,
    maxTokens: Math.min(
      number(body, "max_completion_tokens", { min: 0 }) ?? number(body, "max_tokens", { min: 0 }) ?? Infinity,
      ctx - promptTokens,
    ),
    temperature: number(body, "temperature", { min: 0, max: 2, whole: false }) ?? 0,
    seed: number(body, "seed", { min: -(2 ** 53) }) ?? Math.floor(Math.random() * 2 ** 31),
    stops: stopsOf(body["stop"]),
    stream: body["stream"] === true,
    includeUsage: isObject(body["stream_options"]) && body["stream_options"]["include_usage"] === true,
    ...(tool !== undefined && { tool }),
    ...(echo !== undefined && { echo }),
  };
}

/** Errors: `Refusal` 400, 404. */
export function modelOf(body: JsonObject, models: readonly string[]): string {
  const { model } = body;
  if (typeof model !== "string") throw new Refusal(400, "you must provide a model parameter", { param: "model" });
  if (!models.includes(model)) throw new Refusal(404, `The model \`${model}\` does not exist`, { code: "model_not_found", param: "model" });
  return model;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function messagesOf({ messages }: JsonObject): JsonObject[] {
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isObject))
    throw new Refusal(400, "messages must be an array of at least one message", { param: "messages" });
  return messages;
}

/** Text parts of a content, or of an array of prompts. */
function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) =>
      isObject(part) ? (typeof part["text"] === "string" ? part["text"] : "") : typeof part === "string" ? part : JSON.stringify(part),
    )
    .join(" ");
}

/** The first tool, unless what a tool returned is what it answers to. */
function toolOf(body: JsonObject, messages: readonly JsonObject[]): string | undefined {
  const { tools, tool_choice: choice } = body;
  if (!Array.isArray(tools) || choice === "none" || messages.at(-1)?.["role"] === "tool") return undefined;
  const asked = isObject(choice) && isObject(choice["function"]) ? choice["function"]["name"] : undefined;
  const [first] = tools;
  const name = asked ?? (isObject(first) && isObject(first["function"]) ? first["function"]["name"] : undefined);
  if (typeof name !== "string") throw new Refusal(400, "a tool must be of type function and have a name", { param: "tools" });
  return name;
}

function echoOf(messages: readonly JsonObject[]): string | undefined {
  const last = messages.at(-1);
  if (last?.["role"] === "tool") return ` tool ${JSON.stringify(last["tool_call_id"] ?? null)} said ${textOf(last["content"])}`;
  const parts = Array.isArray(last?.["content"]) ? last["content"].filter(isObject) : [];
  const images = parts.flatMap(({ image_url: image }) => (isObject(image) && typeof image["url"] === "string" ? [image["url"]] : []));
  if (images.length === 0) return undefined;
  return images.map((url) => ` image ${url.slice(0, 64)} of ${url.length} characters`).join("");
}

function stopsOf(stop: Json | undefined): string[] {
  if (stop === undefined || stop === null) return [];
  const stops = Array.isArray(stop) ? stop : [stop];
  if (stops.length > 16 || !stops.every((each) => typeof each === "string" && each !== ""))
    throw new Refusal(400, "stop takes up to 16 texts that are not empty", { param: "stop" });
  return stops as string[];
}

function number(
  body: JsonObject,
  name: string,
  { min, max = Infinity, whole = true }: { min: number; max?: number; whole?: boolean },
): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || value < min || value > max || (whole && !Number.isInteger(value)))
    throw new Refusal(400, `${name} is out of range: ${JSON.stringify(value)}`, { param: name });
  return value;
}
