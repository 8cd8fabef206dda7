import { isJsonObject, type Json } from "../kernel/event.ts";

/** Fields that are read, and what they may be; absent and null are the same. */
const FIELDS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["model", (value) => isText(value, MAX_TEXT) && value !== ""],
  ["user", (value) => value === null || isText(value, MAX_TEXT)],
  ["stream", isFlag],
  ["stream_options", areOptions],
  ["max_tokens", isCount],
  ["max_completion_tokens", isCount],
  ["seed", (value) => value === null || Number.isSafeInteger(value)],
  ["n", (value) => value === null || (isCount(value) && (value as number) <= MAX_CHOICES)],
  ["messages", areMessages],
]);
const MAX_TEXT = 1000;
export const MAX_CHOICES = 128;

/** Whether the body of a chat is as `ChatBody` wants it, found in a tenth of the time. False says nothing: the schema then knows what is wrong. */
export function isPlainChat(body: unknown): boolean {
  if (!isJsonObject(body as Json)) return false;
  const fields = body as Readonly<Record<string, unknown>>;
  if (fields["model"] === undefined || fields["messages"] === undefined) return false;
  for (const name in fields) {
    const fits = FIELDS.get(name);
    if (fits && !fits(fields[name])) return false;
  }
  return true;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length <= max;
}

function isFlag(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "boolean";
}

function areOptions(value: unknown): boolean {
  return value === null || (isJsonObject(value as Json) && isFlag((value as { include_usage?: unknown }).include_usage));
}

function isCount(value: unknown): boolean {
  return value === null || (Number.isSafeInteger(value) && (value as number) >= 1);
}

function areMessages(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((message: unknown) => isJsonObject(message as Json) && typeof (message as { role?: unknown }).role === "string");
}
