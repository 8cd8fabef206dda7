import { type ErrorCode, OrcoError } from "../kernel/errors.ts";

/** The one place where a code becomes an HTTP status. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  not_external: 409,
  stale_attempt: 409,
  busy: 409,
  cancelled: 409,
  port_in_use: 409,
  already_running: 409,
  too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  unsupported: 422,
  blocked: 422,
  executable_not_found: 422,
  start_failed: 422,
  hook_failed: 422,
  unknown_commit: 422,
  repo_unavailable: 422,
  build_failed: 422,
  unhealthy: 422,
  schema_mismatch: 422,
  deploy_in_progress: 409,
  no_previous_slot: 409,
  approval_denied: 403,
  approval_void: 409,
  approval_not_applicable: 409,
  rate_limited: 429,
  internal: 500,
  config: 500,
  journal_corrupt: 500,
  journal_newer: 500,
  engine_away: 503,
  unavailable: 503,
  unreachable: 503,
  timeout: 504,
  disk_full: 507,
};

const TITLE: Readonly<Partial<Record<ErrorCode, string>>> = {
  unauthorized: "API key required",
  blocked: "A service cannot become ready",
  busy: "Another change is under way",
  disk_full: "Disk full",
  internal: "Internal error",
};

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

/** What is not an `OrcoError` is a bug: its message stays in our log. */
export function asOrcoError(error: unknown): OrcoError {
  if (error instanceof OrcoError) return error;
  return new OrcoError(
    "internal",
    "something went wrong inside the daemon; its log has the details under this request id",
    {},
    { cause: error },
  );
}

/** RFC 9457. Facts stand beside the fixed fields and never replace them. */
function problemOf(error: OrcoError, requestId: string): Record<string, unknown> {
  return {
    ...error.facts,
    type: "about:blank",
    title: TITLE[error.code] ?? titleOf(error.code),
    status: statusOf(error.code),
    detail: error.message,
    code: error.code,
    message: error.message,
    request_id: requestId,
  };
}

/** Facts `allow` (methods) and `retry_after_s` become their headers. */
export function problemResponse(error: OrcoError, requestId: string): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  const { allow, retry_after_s: retryAfterS } = error.facts;
  if (Array.isArray(allow)) headers.set("allow", allow.join(", "));
  if (typeof retryAfterS === "number") headers.set("retry-after", String(retryAfterS));
  if (error.code === "unauthorized") headers.set("www-authenticate", 'Bearer realm="orco"');
  return new Response(JSON.stringify(problemOf(error, requestId)), { status: statusOf(error.code), headers });
}

function titleOf(code: ErrorCode): string {
  const words = code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
