import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { VERSION } from "../../kernel/version.ts";
import type { StepExecution } from "../ports.ts";

/** Any other would be sent as GET by Bun. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const BODYLESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);
/** What a server may be told twice. Source: RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

export interface PreparedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body?: string;
  readonly idempotent: boolean;
}

/**
 * The request of a step, with headers that say which run it is for; those of the plan come first. The idempotency key is the same for every
 * execution of the step, so that a server can tell that it is asked again. Throws `invalid`.
 */
export function requestOf({ spec, run, step, traceparent }: StepExecution): PreparedRequest {
  const { method: given = "GET", url = "", headers: own = {}, body } = spec.http ?? {};
  const method = given.toUpperCase();
  if (!METHODS.includes(method)) throw new OrcoError("invalid", `the method ${JSON.stringify(given)} is none of ${METHODS.join(", ")}`);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new OrcoError("invalid", `${JSON.stringify(url)} is no http or https URL`);
  if (body !== undefined && BODYLESS.has(method)) throw new OrcoError("invalid", `a ${method} request has no body`);
  const headers = headersOf(own);
  const add = (name: string, value: string): void => void (headers.has(name) || headers.set(name, value));
  add("user-agent", `orco/${VERSION}`);
  add("x-orco-run-id", run);
  add("idempotency-key", `${run}/${step}`);
  if (traceparent !== undefined) add("traceparent", traceparent);
  if (body !== undefined && typeof body !== "string") add("content-type", "application/json");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { method, url, headers, idempotent: IDEMPOTENT.has(method), ...(body !== undefined && { body: text }) };
}

function headersOf(own: Readonly<Record<string, string>>): Headers {
  try {
    return new Headers(own);
  } catch (error) {
    throw new OrcoError("invalid", `a header cannot be sent: ${messageOf(error)}`);
  }
}
