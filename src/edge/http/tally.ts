import { requestIdOf } from "../http1/hop.ts";
import type { RequestHead } from "../http1/message.ts";
import type { Target } from "../route.ts";
import type { AccessRecord, Service, Site } from "./service.ts";

/** What is known of a request when it is over, besides the request itself. */
export interface Tally {
  /** Epoch ms; 0 when no record is wanted. */
  readonly startedAt: number;
  /** Monotonic ms. */
  readonly since: number;
  /** Unless the request brought a good one. */
  readonly requestId: string;
  retries: number;
  target: Target | undefined;
  bytesIn: number;
  bytesOut: number;
  error: string | undefined;
}

interface Ended {
  readonly tally: Tally;
  readonly status: number;
  /** Monotonic ms. */
  readonly now: number;
  /** Address of the peer. */
  readonly client: string;
}

export function recordOf(head: RequestHead, site: Site | undefined, { tally, status, now, client }: Ended): AccessRecord {
  const { target, error } = tally;
  const query = head.target.indexOf("?");
  return {
    time: new Date(tally.startedAt).toISOString(),
    client,
    method: head.method,
    host: head.host,
    path: query === -1 ? head.target : head.target.slice(0, query),
    status,
    bytes_in: tally.bytesIn,
    bytes_out: tally.bytesOut,
    duration_ms: Math.round((now - tally.since) * 1000) / 1000,
    request_id: requestIdOf(head) ?? tally.requestId,
    user_agent: valueOf(head, "user-agent"),
    ...(target && { upstream: `${target.host}:${target.port}`, target: target.id }),
    ...(site && { front: site.front.id }),
    retries: tally.retries,
    ...(error !== undefined && { error }),
  };
}

/** Of the first header with this name (lower case), "" when there is none. */
export function valueOf({ headers }: RequestHead, wanted: string): string {
  return headers.find(([name]) => name.length === wanted.length && name.toLowerCase() === wanted)?.[1] ?? "";
}

export function tallyOf(service: Service): Tally {
  return {
    startedAt: service.log ? service.clock.now() : 0,
    since: service.clock.monotonic(),
    requestId: service.requestId(),
    retries: 0,
    target: undefined,
    bytesIn: 0,
    bytesOut: 0,
    error: undefined,
  };
}
