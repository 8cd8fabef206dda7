import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { addressText, type BindAddress, isLoopback } from "./bind.ts";
import { assertHost } from "./host.ts";
import { type Family, renderMetrics } from "./metrics.ts";
import { asOrcoError, problemResponse } from "./problem.ts";

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const IDLE_TIMEOUT_S = 30;

export interface MetricsListener {
  readonly url: string;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * PROMETHEUS_METRICS_PORT: `GET /metrics`, open as on the API's own listener, and nothing else. Port 0 takes a free one.
 * Throws `port_in_use` (facts: address, port) and `config`.
 */
export function listenForMetrics(bind: BindAddress, families: () => Promise<readonly Family[]>): MetricsListener {
  const loopbackOnly = isLoopback(bind.host);
  const address = addressText(bind);
  try {
    const server = Bun.serve({
      hostname: bind.host.replace(/^\[(.*)\]$/, "$1"),
      port: bind.port,
      // Said aloud: with `development: false` Bun 1.4.5 shares the port with whoever asks for it.
      reusePort: false,
      development: false,
      idleTimeout: IDLE_TIMEOUT_S,
      fetch: async (request) => {
        try {
          assertHost(request.headers.get("host") ?? undefined, loopbackOnly);
          return await answer(request, families);
        } catch (error) {
          return problemResponse(asOrcoError(error), "");
        }
      },
    });
    return { url: server.url.href.replace(/\/$/, ""), close: () => server.stop(true) };
  } catch (error) {
    if (errnoOf(error) === "EADDRINUSE")
      throw new OrcoError("port_in_use", `${address} is in use (PROMETHEUS_METRICS_PORT)`, { address, port: bind.port }, { cause: error });
    throw new OrcoError(
      "config",
      `cannot listen on ${address} (PROMETHEUS_METRICS_PORT): ${messageOf(error)}`,
      { address },
      { cause: error },
    );
  }
}

async function answer(request: Request, families: () => Promise<readonly Family[]>): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname !== "/metrics") throw new OrcoError("not_found", `there is nothing at ${pathname}; this port serves /metrics alone`);
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new OrcoError("method_not_allowed", `${request.method} is not possible here; GET and HEAD are`, { allow: ["GET", "HEAD"] });
  const headers = { "content-type": METRICS_TYPE, "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return new Response(renderMetrics(await families()), { headers });
}
