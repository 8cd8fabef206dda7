import type { FaultKind } from "../adapters/adapter.ts";

/** In all, the first one too. */
export const MAX_TRIES = 4;
const BASE_MS = 100;
const MAX_DELAY_MS = 2000;
/** What an engine asks for beyond this is not waited for. */
const MAX_RETRY_AFTER_MS = 10_000;

/** What a wrong key, path or model answers. */
const REPLICAS_OWN: ReadonlySet<number> = new Set([401, 403, 404, 405]);

/** `timeout`: no first token in time. */
export interface Fault {
  readonly kind: FaultKind | "timeout";
  /** Of `http` and `refused`. */
  readonly status?: number | undefined;
}

/** May the task be tried again? Never once a token is out: the client would get the beginning twice. */
export function isRetriable({ kind, status }: Fault, tokensOut: number): boolean {
  if (tokensOut > 0) return false;
  if (kind === "http") return status === undefined || status < 400 || status === 429 || status >= 500;
  // An engine that dies after its head and before a token has said nothing yet. One that is silent has had its time: DECODE_TIMEOUT.
  return kind === "connect" || kind === "reset";
}

/**
 * Is the replica rather than the request to blame for what it refuses? Only another replica can tell: where there is one the task is tried there, and it counts against the
 * circuit; where there is none it is a 4xx like any other. So the last replica of a pool is never taken out for it, whatever clients ask.
 */
export function isReplicasOwn({ kind, status }: Fault): boolean {
  return kind === "refused" && status !== undefined && REPLICAS_OWN.has(status);
}

/** Does it count against the replica's circuit? A 429 and a 4xx are answers of a working engine. */
export function isBreakerFailure({ kind, status }: Fault): boolean {
  return kind === "connect" || kind === "timeout" || kind === "reset" || (kind === "http" && status !== 429);
}

/**
 * Full jitter: uniform between 0 and twice the bound of the try before. `tries`: how many there were, from 1; `random` in [0, 1). What the engine asked for
 * (Retry-After) is waited at least, up to 10 s. Ms; undefined: that was the last.
 */
export function retryDelay(tries: number, random: number, retryAfterMs?: number): number | undefined {
  if (tries >= MAX_TRIES) return undefined;
  const jitter = Math.floor(random * Math.min(MAX_DELAY_MS, BASE_MS * 2 ** (tries - 1)));
  return Math.max(jitter, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}
