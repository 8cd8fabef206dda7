import type { MiddlewareHandler } from "hono";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import { uuidv7 } from "../kernel/id.ts";
import { isLoopback } from "./bind.ts";
import type { Ctx, Deps, Env } from "./context.ts";
import { assertHost } from "./host.ts";
import { Door } from "./door.ts";
import { assertOrigin, corsHeaders, preflightHeaders } from "./origin.ts";
import { asOrcoError } from "./problem.ts";
import { rateLimit } from "./rate.ts";
import { refusalResponse } from "./refusal.ts";

type Guard = MiddlewareHandler<Env>;

/** What monitoring may ask without a key and without being counted. */
const OPEN_PATHS: ReadonlySet<string> = new Set(["/health", "/ready", "/metrics"]);
/** Tasks have an admission of their own. */
const ADMITTED_BY_QUEUE = /^\/(?:v1|v2\/tasks)(?:\/|$)/;
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

/** Outermost: gives the request its id, and sees every answer leave, errors included. */
export function observe(deps: Deps): Guard {
  return async (c, next) => {
    const offered = c.req.header("x-request-id") ?? c.req.header("x-correlation-id") ?? "";
    const id = REQUEST_ID.test(offered) ? offered : uuidv7(deps.clock);
    c.set("requestId", id);
    const startedAt = deps.clock.monotonic();
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    c.res.headers.set("x-request-id", id);
    c.res.headers.set("x-correlation-id", id);
    record(deps, c, deps.clock.monotonic() - startedAt);
  };
}

function record(deps: Deps, c: Ctx, durationMs: number): void {
  const status = c.res.status;
  const streaming = c.get("streaming");
  const key = c.get("keyFingerprint");
  if (!streaming)
    deps.metrics.request({ method: c.req.method, route: c.get("route") ?? "unmatched", status_code: String(status) }, durationMs);
  deps.log({
    request_id: c.get("requestId"),
    method: c.req.method,
    path: c.req.path,
    status,
    duration_ms: Math.round(durationMs * 1000) / 1000,
    listener: c.env.listener,
    peer: c.env.peer,
    ...(key !== undefined && { key }),
    ...(streaming && { stream: true }),
    ...(c.error && status === 500 && { error: c.error.stack ?? messageOf(c.error) }),
  });
}

/** Host and Origin, CORS headers on what passes, and the answer to a preflight. */
export function browserSafety({ config }: Deps): Guard {
  const loopbackOnly = !config.bind || isLoopback(config.bind.host);
  return async (c, next) => {
    const origin = admitted(c);
    if (origin instanceof OrcoError) {
      c.res = refusalResponse(c, origin);
      return corsHeaders(c.res.headers, undefined);
    }
    if (c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined) {
      c.res = new Response(null, { status: 204 });
      preflightHeaders(c.res.headers);
    } else {
      await next();
    }
    corsHeaders(c.res.headers, origin);
  };

  function admitted(c: Ctx): string | undefined | OrcoError {
    try {
      if (c.env.listener === "tcp") assertHost(c.req.header("host"), loopbackOnly);
      return assertOrigin(c, config.corsOrigins);
    } catch (error) {
      return asOrcoError(error);
    }
  }
}

/** Deny by default, unknown paths too, and count what is let in as well as what is not. The unix socket is guarded by its file mode. */
export function admission(deps: Deps): Guard {
  const { config } = deps;
  const door = new Door(deps);
  const limit = rateLimit(config.rateLimit);
  return async (c, next) => {
    if (c.req.method === "OPTIONS" || OPEN_PATHS.has(c.req.path)) return next();
    if (c.env.listener === "unix") {
      door.noteToken(c);
      return next();
    }
    const headers = new Headers();
    try {
      const fingerprint = door.open(c);
      // Reports of a run come as fast as its steps talk, input as fast as somebody types: that was limited when the run was claimed, the command begun.
      if (limit && !opensStream(c) && !ADMITTED_BY_QUEUE.test(c.req.path) && !door.isOfWorker(c) && !deps.execs.knows(c.req.path))
        await limit.consume(fingerprint === undefined ? `ip:${c.env.peer}` : `key:${fingerprint}`, headers);
      await next();
    } catch (error) {
      const refusal = asOrcoError(error);
      if (refusal.code !== "unauthorized") c.res = refusalResponse(c, refusal);
      else c.res = await refuse(refusal);
    }
    for (const [name, value] of headers) c.res.headers.set(name, value);

    /** A right key is never locked out by the wrong ones of a neighbour: behind one proxy all share an address. */
    async function refuse(unauthorized: OrcoError): Promise<Response> {
      const over = await limit?.consume(`failed:${c.env.peer}`, headers).catch(asOrcoError);
      return refusalResponse(c, over ?? unauthorized);
    }
  };
}

/** A reconnecting EventSource that gets 429 never tries again; streams have their own bound. */
function opensStream(c: Ctx): boolean {
  return c.req.method === "GET" && (c.req.header("accept") ?? "").includes("text/event-stream");
}
