import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import type { Ctx } from "./context.ts";
import { openAiError } from "./openai-error.ts";
import { asOrcoError, problemResponse, statusOf } from "./problem.ts";

/** What the codes of the rest of orco are called in the inference API (inference.md, "Errors"). */
const INFERENCE_CODES: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  invalid: "INVALID_PARAMS",
  not_found: "NOT_FOUND",
  conflict: "CONFLICT",
  internal: "INTERNAL",
};

/** Too many requests, a service or an engine that is away, a timeout, a full disk. */
const LATER: ReadonlySet<number> = new Set([429, 502, 503, 504, 507]);

/** The answer to a request that failed, in the form of the API it was made to: RFC 9457, below `/v1/` as OpenAI has it. */
export function refusalResponse(c: Ctx, error: unknown): Response {
  const refusal = asOrcoError(error);
  const { path } = c.req;
  if (path.startsWith("/v1/")) return openAiError(refusal, c.get("requestId"));
  if (path.startsWith("/v2/")) return problemResponse(named(refusal), c.get("requestId"));
  return problemResponse(refusal, c.get("requestId"));
}

/** Every refusal says whether the same request may succeed later: so says the status of those that inference has no code for. */
function named(error: OrcoError): OrcoError {
  const code = INFERENCE_CODES[error.code] ?? error.code;
  const retriable = LATER.has(statusOf(code));
  return new OrcoError(code, error.message, { retriable, ...error.facts }, { cause: error.cause });
}
