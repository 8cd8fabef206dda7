import type { Json, JsonObject } from "../../kernel/event.ts";
import { isJsonObject } from "../../kernel/event.ts";
import type { AnswerHead } from "../upstream/exchange.ts";
import { EngineFault, type FaultKind } from "./adapter.ts";
import { statusIn } from "./frame-status.ts";
import { parseJson } from "./parse.ts";
import { errorIn } from "./reading.ts";

/** Of an error's body. */
export const MAX_ERROR_BYTES = 64 * 1024;
const MAX_MESSAGE_CHARS = 2000;
/** An engine that wants to be left alone for longer is taken to mean this. */
const MAX_RETRY_AFTER_MS = 24 * 3600 * 1000;
/** A key as short as this is no secret, and its letters stand everywhere. */
const SHORT_KEY = 4;

/** What was asked, as far as a fault has to know it. */
export interface Asked {
  readonly url: string;
  readonly apiKey?: string | undefined;
}

/** Of an answer with a status other than 200, or of a 200 with an error in it, which is taken as an error frame is. */
export function answerFault(asked: Asked, head: AnswerHead, body: string): EngineFault {
  const json = parseJson(withoutKey(body, asked));
  const said = messageIn(json);
  const sent = head.status === 200 && isJsonObject(json) ? errorIn(json) : undefined;
  const status = sent === undefined ? head.status : meantBy(sent);
  const kind = isRefusal(status) ? "refused" : "http";
  const retryAfterMs = status === 429 || status >= 500 ? retryAfterOf(head) : undefined;
  const error = errorBodyOf(json);
  const kept = sent === undefined ? unsaid(asked, head) : sentError(asked, sent);
  return new EngineFault(kind, said ?? kept, {
    status,
    ...(said !== undefined && { kept }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(error && { body: error }),
  });
}

/** Of an error frame. One that finds fault with the request would be sent again by every other replica, and says nothing against this one. */
export function frameFault(asked: Asked, error: Json, opened: boolean): EngineFault {
  const json = parseJson(withoutKey(JSON.stringify({ error }), asked));
  const body = errorBodyOf(json);
  const message = messageIn(json) ?? "the engine sent an error without a message";
  const status = meantBy(error);
  const kind: FaultKind = isRefusal(status) ? "refused" : opened ? "reset" : "http";
  return new EngineFault(kind, message, { status, kept: sentError(asked, error), ...(body && { body }) });
}

/** The status of an error that came with a 200: 429 and what finds fault with the request, else 200. */
function meantBy(error: Json): number {
  const told = statusIn(error) ?? 200;
  return told === 429 || isRefusal(told) ? told : 200;
}

function sentError({ url }: Asked, error: Json): string {
  const told = statusIn(error);
  return `the engine at ${originOf(url)} sent an error${told === undefined ? "" : ` of status ${told}`}`;
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429 && status !== 408;
}

function unsaid({ url }: Asked, head: AnswerHead): string {
  const { status } = head;
  const where = `the engine at ${originOf(url)}`;
  if (status >= 300 && status < 400) return `${where} answered ${status}; redirects are not followed: register the URL it points to`;
  if (status !== 200) return `${where} answered ${status}`;
  return `${where} answered with ${head.contentType || "no content type"} where an event stream was expected`;
}

/** Never with user or password of the URL. */
export function originOf(url: string): string {
  return URL.parse(url)?.origin ?? "an unreadable URL";
}

/** Some engines repeat the key they refuse. */
function withoutKey(text: string, { apiKey }: Asked): string {
  return apiKey !== undefined && apiKey.length > SHORT_KEY ? text.replaceAll(apiKey, "***") : text;
}

/** In the forms of OpenAI, llama.cpp and vLLM (`error.message`, older vLLM `message`), TGI (`error` is the text), FastAPI (`detail`). */
function messageIn(json: Json | undefined): string | undefined {
  if (!isJsonObject(json)) return undefined;
  const { error, message, detail } = json;
  const nested = isJsonObject(error) ? error["message"] : error;
  const said = [nested, message, detail].find((text) => typeof text === "string" && text !== "");
  if (typeof said === "string") return said.slice(0, MAX_MESSAGE_CHARS);
  return detail === undefined ? undefined : JSON.stringify(detail).slice(0, MAX_MESSAGE_CHARS);
}

/** As OpenAI's SDKs read it. */
function errorBodyOf(json: Json | undefined): JsonObject | undefined {
  if (!isJsonObject(json)) return undefined;
  const { error } = json;
  if (isJsonObject(error)) return { error };
  const message = messageIn(json);
  if (message === undefined) return undefined;
  const type = json["error_type"] ?? json["type"];
  return { error: { message, type: typeof type === "string" ? type : "engine_error", code: json["code"] ?? null, param: null } };
}

/** `retry-after-ms` beats Retry-After, in seconds or as a date, which is measured against the engine's own Date. */
function retryAfterOf(head: AnswerHead): number | undefined {
  const [ms, after] = [head.header("retry-after-ms"), head.header("retry-after")];
  const number = ms === undefined ? Number.NaN : Number(ms);
  if (number >= 0) return Math.min(number, MAX_RETRY_AFTER_MS);
  if (after === undefined) return undefined;
  const seconds = Number(after);
  const wait = Number.isNaN(seconds) ? Date.parse(after) - Date.parse(head.header("date") ?? "") : seconds * 1000;
  return wait >= 0 ? Math.min(wait, MAX_RETRY_AFTER_MS) : undefined;
}
