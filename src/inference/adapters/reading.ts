import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";

/** What one frame of an answer says, whatever the engine. */
export interface Reading {
  /** Of `/v2`: the text of the token; "" when the frame has none. */
  readonly text: string;
  /** The model thinks, or calls a tool: a token, but none of the text. */
  readonly aside: boolean;
  readonly finish?: string;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  readonly error?: Json;
  /** Only there because usage was asked for. */
  readonly usageOnly?: boolean;
  /** No frame of the answer follows. */
  readonly last?: boolean;
}

/** Of what an engine calls the end of an answer, which goes into lists, logs and the disk. */
const MAX_FINISH_CHARS = 64;

export type ReadFrame = (frame: JsonObject) => Reading;

/** Chunks of `/v1/chat/completions` and `/v1/completions` (OpenAI's API reference, streaming), of every engine that speaks them. */
export function readOpenAi(frame: JsonObject): Reading {
  const error = errorIn(frame);
  if (error !== undefined) return { text: "", aside: false, error };
  const choices = Array.isArray(frame["choices"]) ? (frame["choices"] as readonly Json[]) : [];
  let text = "";
  let aside = false;
  let finish: string | undefined;
  for (const choice of choices) {
    if (!isJsonObject(choice)) continue;
    const delta = isJsonObject(choice["delta"]) ? choice["delta"] : choice;
    text += textOf(delta["content"]) || textOf(delta["text"]);
    aside ||= isAside(delta);
    if (typeof choice["finish_reason"] === "string") finish = choice["finish_reason"].slice(0, MAX_FINISH_CHARS).toWellFormed();
  }
  const usage = isJsonObject(frame["usage"]) ? frame["usage"] : undefined;
  const usageOnly = usage !== undefined && choices.length === 0;
  return { text, aside, ...(finish !== undefined && { finish }), ...(usage && tokensOf(usage)), ...(usageOnly && { usageOnly }) };
}

function isAside(delta: JsonObject): boolean {
  const { reasoning_content: thought, reasoning, refusal, tool_calls: calls } = delta;
  return Boolean(textOf(thought) || textOf(reasoning) || textOf(refusal)) || (Array.isArray(calls) && calls.length > 0);
}

/** Of an object with `prompt_tokens` and `completion_tokens`. */
export function tokensOf(usage: JsonObject): { tokensIn?: number; tokensOut?: number } {
  return tokensFrom(usage["prompt_tokens"], usage["completion_tokens"]);
}

/** Budgets and counters are made of it: what is no count was not said. */
export function tokensFrom(tokensIn: Json | undefined, tokensOut: Json | undefined): { tokensIn?: number; tokensOut?: number } {
  return { ...(isCount(tokensIn) && { tokensIn }), ...(isCount(tokensOut) && { tokensOut }) };
}

function isCount(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** `{"error": …}` of most engines, of TGI with its kind beside it; `{"object": "error"}` of older vLLM. */
export function errorIn(frame: JsonObject): Json | undefined {
  const { error, object, error_type: type } = frame;
  if (typeof error === "string" && typeof type === "string") return { message: error, type };
  if (error !== undefined && error !== null && error !== false) return error;
  return object === "error" ? frame : undefined;
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** An engine's own word for the end, in OpenAI's words; an unknown one is an end like any other. */
export function finishOf(why: Json | undefined, words: Readonly<Record<string, string>>): string {
  return (typeof why === "string" && Object.hasOwn(words, why) ? words[why] : undefined) ?? "stop";
}
