import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { TaskEnd } from "../tasks/task.ts";
import { dataOf } from "./frame-data.ts";

/** What is said once; the rest of a delta's texts are said piece by piece. */
const SAID_ONCE: ReadonlySet<string> = new Set(["role", "id", "type", "name", "object", "index"]);
/** Choices and tool calls are told apart by it. */
const MAX_INDEX = 1024;

/** Chunks of a stream of the OpenAI API put together to the answer that a client gets who did not ask for a stream. However they were cut, the answer is the same. */
export class Aggregate {
  private readonly whole: Record<string, Json> = {};
  private readonly choices = new Map<number, Record<string, Json>>();

  constructor(private readonly kind: "chat" | "completion") {}

  /** Whole frames. */
  push(frames: Uint8Array): void {
    for (const data of dataOf(frames)) if (isJsonObject(data)) this.chunk(data);
  }

  /** `usage` as the engine said it, else as it was counted. */
  answer(end: TaskEnd): JsonObject {
    const indices = [...this.choices.keys()].toSorted((a, b) => a - b);
    return {
      ...this.whole,
      object: this.kind === "chat" ? "chat.completion" : "text_completion",
      choices: indices.map((index) => this.choice(index, end.finish_reason)),
      usage: isJsonObject(this.whole["usage"]) ? this.whole["usage"] : countedUsage(end),
    };
  }

  private chunk({ choices, ...rest }: JsonObject): void {
    for (const [key, value] of Object.entries(rest))
      if (value !== null && !(SAID_ONCE.has(key) && key in this.whole)) this.whole[key] = value;
    if (Array.isArray(choices)) for (const choice of choices as readonly Json[]) if (isJsonObject(choice)) this.piece(choice);
  }

  private piece(piece: JsonObject): void {
    const index = indexOf(piece) ?? 0;
    const known = this.choices.get(index) ?? { index };
    this.choices.set(index, known);
    const { delta, logprobs, text, ...rest } = piece;
    if (isJsonObject(delta)) known["message"] = merged(known["message"], delta);
    if (typeof text === "string") known["text"] = textOf(known["text"]) + text;
    if (isJsonObject(logprobs)) known["logprobs"] = merged(known["logprobs"], logprobs);
    for (const [key, value] of Object.entries(rest)) if (value !== null) known[key] = value;
  }

  private choice(index: number, finishReason: string): JsonObject {
    const { message, text, logprobs = null, finish_reason: finish = finishReason, ...rest } = this.choices.get(index) ?? {};
    const said = this.kind === "chat" ? { message: messageOf(message) } : { text: text ?? "" };
    return { ...rest, index, ...said, logprobs, finish_reason: finish };
  }
}

/** OpenAI's `usage`, of an engine that says none. */
export function countedUsage({ tokens_in: prompt, tokens_out: completion }: TaskEnd): JsonObject {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

function messageOf(message: Json | undefined): JsonObject {
  const { role = "assistant", content = null, ...rest } = isJsonObject(message) ? message : {};
  const calls = rest["tool_calls"];
  const silent = content === "" && Array.isArray(calls) && calls.length > 0;
  const listed = Array.isArray(calls) ? { tool_calls: calls.map(withoutIndex) } : {};
  return { role, content: silent ? null : content, ...rest, ...listed };
}

/** It belongs to the chunks only. */
function withoutIndex(call: Json): Json {
  if (!isJsonObject(call)) return call;
  const { index: _, ...rest } = call;
  return rest;
}

/** Texts are joined, lists whose entries have an index are merged by it, other lists joined. Null says nothing. `known`: what this made before; it grows. */
function merged(known: Json | undefined, piece: JsonObject): JsonObject {
  const whole: Record<string, Json> = isJsonObject(known) ? known : {};
  for (const [key, value] of Object.entries(piece)) {
    // An engine may say `__proto__`.
    const before = Object.hasOwn(whole, key) ? whole[key] : undefined;
    if (value === null) whole[key] = before ?? null;
    else if (typeof value === "string") whole[key] = SAID_ONCE.has(key) ? textOf(before) || value : textOf(before) + value;
    else if (Array.isArray(value)) whole[key] = mergedList(before, value as readonly Json[]);
    else if (isJsonObject(value)) whole[key] = merged(before, value);
    else whole[key] = value;
  }
  return whole;
}

function mergedList(known: Json | undefined, piece: readonly Json[]): Json[] {
  const list: Json[] = Array.isArray(known) ? known : [];
  for (const entry of piece) {
    const index = isJsonObject(entry) ? indexOf(entry) : undefined;
    if (index === undefined || !isJsonObject(entry)) list.push(entry);
    else {
      const at = list.findIndex((other) => isJsonObject(other) && other["index"] === index);
      if (at === -1) list.push(merged(undefined, entry));
      else list[at] = merged(list[at], entry);
    }
  }
  return list;
}

function indexOf({ index }: JsonObject): number | undefined {
  return typeof index === "number" && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX ? index : undefined;
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
