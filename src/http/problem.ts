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
  invalid_instruction: 400,
  unknown_service: 400,
  ambiguous_service: 400,
  compose_invalid: 422,
  compose_refused: 422,
  docker_unavailable: 503,
  self_repair: 403,
  dirty_target: 409,
  patch_refused: 422,
  nothing_to_repair: 422,
  no_known_cause: 422,
  report_only: 422,
  plan_outdated: 409,
  verify_failed: 422,
  audit_broken: 500,
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
  INVALID_PARAMS: 400,
  DEADLINE_UNMET: 400,
  MODEL_UNKNOWN: 404,
  MODEL_DEPRECATED: 409,
  UNTRUSTED_ARTIFACT: 409,
  ADMISSION_REJECT: 429,
  QUEUE_FULL_DROP_LRU: 429,
  POOL_UNAVAILABLE: 503,
  POOL_UNREADY: 503,
  REPLICA_EXHAUSTED: 503,
  DECODE_TIMEOUT: 504,
  WORKER_RESET: 502,
  // Only ever in a stream and in the state of a task.
  CANCELED: 409,
  NOT_FOUND: 404,
  CONFLICT: 409,
  INTERNAL: 500,
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
  const { allow, retry_after_s: retryAfterS, retry_after_ms: retryAfterMs } = error.facts;
  if (Array.isArray(allow)) headers.set("allow", allow.join(", "));
  if (typeof retryAfterS === "number") headers.set("retry-after", String(retryAfterS));
  if (typeof retryAfterMs === "number") backoffHeaders(headers, retryAfterMs);
  if (error.code === "unauthorized") headers.set("www-authenticate", 'Bearer realm="orco"');
  return new Response(JSON.stringify(problemOf(error, requestId)), { status: statusOf(error.code), headers });
}

function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Whole seconds for everybody, milliseconds for who reads them. */
export function backoffHeaders(headers: Headers, ms: number): void {
  headers.set("retry-after", String(Math.max(1, Math.ceil(ms / 1000))));
  headers.set("x-backoff-ms", String(Math.max(0, Math.round(ms))));
}
