import { OrcoError } from "../kernel/errors.ts";
import type { Ctx } from "./context.ts";

const ALLOW_HEADERS = "Authorization, X-API-Key, Content-Type, Last-Event-ID, Idempotency-Key, X-Request-Id, Prefer";
const EXPOSE_HEADERS = "Location, Retry-After, RateLimit, RateLimit-Policy, Link, X-Request-Id, X-Correlation-Id";
const ALLOW_METHODS = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
const PREFLIGHT_AGE_S = "600";

/** The origin to name in the answer; undefined for our own pages and for what is no browser. Throws `forbidden` for any other, reads included. */
export function assertOrigin(c: Ctx, allowed: readonly string[]): string | undefined {
  const origin = c.req.header("origin");
  if (origin === undefined || isOwn(origin, c.req.header("host"))) return undefined;
  if (allowed.includes(origin)) return origin;
  throw new OrcoError("forbidden", `the origin ${JSON.stringify(origin.slice(0, 120))} is not in CORS_ORIGINS`);
}

/** Host and port alone: behind a TLS proxy our own pages are https. */
function isOwn(origin: string, host: string | undefined): boolean {
  const match = /^https?:\/\/([^/?#\s]+)$/i.exec(origin);
  return host !== undefined && match?.[1]?.toLowerCase() === host.toLowerCase();
}

/** Names one origin, as asked and as listed: never `*`, never a reflection of what is not in the list. */
export function corsHeaders(headers: Headers, origin: string | undefined): void {
  headers.append("vary", "Origin");
  if (origin === undefined) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSE_HEADERS);
}

export function preflightHeaders(headers: Headers): void {
  headers.set("access-control-allow-methods", ALLOW_METHODS);
  headers.set("access-control-allow-headers", ALLOW_HEADERS);
  headers.set("access-control-max-age", PREFLIGHT_AGE_S);
}
