import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import type { TaskFailure } from "../inference/failure.ts";
import { backoffHeaders, statusOf } from "./problem.ts";

/** The error object of the OpenAI API; also what a stream that breaks off says last. */
export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
}

/** What SDKs know by another name. */
const CODE: Readonly<Partial<Record<ErrorCode, string>>> = {
  MODEL_UNKNOWN: "model_not_found",
  invalid: "INVALID_PARAMS",
  not_found: "NOT_FOUND",
  internal: "INTERNAL",
  unauthorized: "invalid_api_key",
  rate_limited: "rate_limit_exceeded",
};

const TYPE: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  409: "conflict_error",
  429: "rate_limit_error",
};

/** Engines that are away are looked at about twice a second. */
const AWAY_MS = 1000;

/**
 * `{error: {message, type, code, param}}` with the status of the code. `Retry-After` and `retry-after-ms` where the facts say when, and with every 503; what cannot
 * succeed when it is sent again says `x-should-retry: false`, because SDKs repeat 409, 429 and every 5xx on their own.
 */
export function openAiError(error: OrcoError, requestId: string): Response {
  const headers = new Headers({ "content-type": "application/json" });
  if (requestId !== "") headers.set("x-request-id", requestId);
  const { allow, retriable } = error.facts;
  const waitMs = waitOf(error) ?? (statusOf(error.code) === 503 ? AWAY_MS : undefined);
  if (waitMs !== undefined) {
    backoffHeaders(headers, waitMs);
    headers.set("retry-after-ms", String(waitMs));
  }
  if (retriable === false) headers.set("x-should-retry", "false");
  if (Array.isArray(allow)) headers.set("allow", allow.join(", "));
  if (error.code === "unauthorized") headers.set("www-authenticate", 'Bearer realm="orco"');
  return new Response(JSON.stringify({ error: openAiErrorOf(error) }), { status: statusOf(error.code), headers });
}

function openAiErrorOf(error: OrcoError): OpenAiError {
  return { message: error.message, type: typeOf(error.code), code: CODE[error.code] ?? error.code, param: paramOf(error) };
}

/** Of a task that failed, for its stream. */
export function openAiFailure(failure: TaskFailure): OpenAiError {
  return openAiErrorOf(failureError(failure));
}

export function failureError({ code, message, ...facts }: TaskFailure): OrcoError {
  return new OrcoError(code, message, facts);
}

function typeOf(code: ErrorCode): string {
  const status = statusOf(code);
  return TYPE[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");
}

function waitOf({ facts }: OrcoError): number | undefined {
  if (typeof facts["retry_after_ms"] === "number") return Math.max(0, Math.round(facts["retry_after_ms"]));
  return typeof facts["retry_after_s"] === "number" ? facts["retry_after_s"] * 1000 : undefined;
}

/** The field that is at fault: of `/messages/0/role`, messages. */
function paramOf({ code, facts }: OrcoError): string | null {
  if (typeof facts["param"] === "string") return facts["param"];
  if (code === "MODEL_UNKNOWN") return "model";
  const { errors } = facts;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== "object" || first === null || !("pointer" in first) || typeof first.pointer !== "string") return null;
  return first.pointer.split("/")[1] ?? null;
}
