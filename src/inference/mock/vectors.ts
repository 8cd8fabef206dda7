import type { Json, JsonObject } from "../../kernel/event.ts";
import { modelOf } from "./ask.ts";
import { Refusal } from "./refusal.ts";
import { countWords } from "./words.ts";

const DIMENSIONS = 8;
const MAX_INPUTS = 2048;

/** `/v1/embeddings`: vectors that only the text decides. Errors: `Refusal` 400, 404. */
export function embed(body: JsonObject, models: readonly string[]): JsonObject {
  const model = modelOf(body, models);
  const inputs = textsOf(body["input"], "input");
  const dimensions = typeof body["dimensions"] === "number" ? Math.min(4096, Math.max(1, Math.floor(body["dimensions"]))) : DIMENSIONS;
  const base64 = body["encoding_format"] === "base64";
  const data = inputs.map((text, index) => {
    const vector = vectorOf(text, dimensions);
    return { object: "embedding", index, embedding: base64 ? Buffer.from(vector.buffer).toString("base64") : [...vector] };
  });
  const tokens = inputs.reduce((sum, text) => sum + countWords(text), 0);
  return { object: "list", model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

/** `/v1/rerank`: by the words that a document shares with the query. Errors: `Refusal` 400, 404. */
export function rerank(body: JsonObject, models: readonly string[]): JsonObject {
  const model = modelOf(body, models);
  const { query, top_n: top } = body;
  if (typeof query !== "string") throw new Refusal(400, "rerank takes a query", { param: "query" });
  const documents = textsOf(body["documents"], "documents");
  const wanted = new Set(query.split(/\s+/));
  const results = documents
    .map((text, index) => ({ index, relevance_score: text.split(/\s+/).filter((word) => wanted.has(word)).length / (wanted.size || 1) }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, typeof top === "number" ? top : undefined);
  const tokens = documents.reduce((sum, text) => sum + countWords(text), countWords(query));
  return { object: "list", model, results, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

/** One text, several, or token numbers. */
function textsOf(value: Json | undefined, param: string): string[] {
  const texts = (Array.isArray(value) ? (value.every((each) => typeof each === "number") ? [value] : value) : [value]).map((each) =>
    // An object in it may have a toString that is no function.
    Array.isArray(each) && each.every((one) => typeof one !== "object") ? each.join(" ") : each,
  );
  const right = texts.length > 0 && texts.length <= MAX_INPUTS && texts.every((text) => typeof text === "string" && text !== "");
  if (!right) throw new Refusal(400, `${param} takes a text, or an array of 1 to ${MAX_INPUTS}`, { param });
  return texts as string[];
}

/** Of length 1. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const raw = Float32Array.from({ length: dimensions }, (_, n) => Number(Bun.hash.wyhash(text, BigInt(n)) % 2001n) - 1000);
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => value / length);
}
