import { type ErrorCode, OrcoError } from "../../kernel/errors.ts";

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  410: "conflict",
  413: "too_large",
  422: "invalid",
  429: "unavailable",
};
/** Kubernetes' limits on a Retry-After that somebody sends. */
const MAX_RETRY_AFTER_S = 600;
const MAX_TEXT = 500;

/** What Kubernetes answers when it does not do what was asked (meta/v1 Status). */
interface Status {
  readonly kind?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
}

/** Facts: status, reason, retry_after_s. 5xx and 429 are `unavailable`, 410 is `conflict`. */
export function statusError(status: number, body: string, headers?: Headers): OrcoError {
  const told = statusIn(body);
  const code = CODES[status] ?? (status >= 500 ? "unavailable" : "invalid");
  const after = Number(headers?.get("retry-after") ?? Number.NaN);
  const text = told?.message ?? body.trim().slice(0, MAX_TEXT);
  return new OrcoError(code, `the Kubernetes API server answered ${status}${text === "" ? "" : `: ${text}`}`, {
    status,
    ...(told?.reason && { reason: told.reason }),
    ...(Number.isFinite(after) && after >= 0 && { retry_after_s: Math.min(after, MAX_RETRY_AFTER_S) }),
  });
}

export function statusOf(error: unknown): number | undefined {
  const status = error instanceof OrcoError ? error.facts["status"] : undefined;
  return typeof status === "number" ? status : undefined;
}

/** The next try may succeed: the server is overloaded, restarting or out of reach. A quota is freed when others end. */
export function isPassing(error: unknown): boolean {
  return error instanceof OrcoError && (error.code === "unavailable" || isQuota(error));
}

function isQuota(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "forbidden" && error.message.includes("exceeded quota");
}

export function isRefusal(error: unknown): boolean {
  return error instanceof OrcoError && (error.code === "forbidden" || error.code === "unauthorized");
}

function statusIn(body: string): Status | undefined {
  try {
    const value = JSON.parse(body) as Status | null;
    return value?.kind === "Status" ? value : undefined;
  } catch {
    return undefined; // a proxy in between answers in its own words
  }
}
