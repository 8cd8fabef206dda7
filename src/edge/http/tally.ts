import { requestIdOf } from "../http1/hop.ts";
import type { RequestHead } from "../http1/message.ts";
import type { Target } from "../route.ts";
import type { AccessRecord, Service, Site } from "./service.ts";

/** How a request ended. Bytes are those of the bodies. */
export interface Outcome {
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Address of the peer. */
  readonly client: string;
}

/** Counts one request, and tells the access log of it. */
export class Tally {
  retries = 0;
  target: Target | undefined;
  error: string | undefined;
  private readonly madeId: string;
  /** Epoch ms; 0 when no record is wanted. */
  private readonly startedAt: number;
  /** Monotonic ms. */
  private readonly since: number;

  constructor(
    private readonly head: RequestHead,
    private readonly site: Site | undefined,
    private readonly service: Service,
  ) {
    this.madeId = service.requestId();
    this.startedAt = service.log ? service.clock.now() : 0;
    this.since = service.clock.monotonic();
    site?.meter.addInFlight(1);
  }

  /** For a request that brought none, or no good one. */
  get ownId(): string {
    return this.madeId;
  }

  get requestId(): string {
    return requestIdOf(this.head) ?? this.madeId;
  }

  retried(): void {
    this.retries++;
    this.site?.meter.retried();
  }

  /** Once. */
  finish(outcome: Outcome): void {
    const { site, service } = this;
    const durationMs = service.clock.monotonic() - this.since;
    site?.meter.addInFlight(-1);
    (site?.meter ?? service.stray)?.finished(outcome.status, durationMs);
    if (service.log) service.log(this.record(outcome, durationMs));
  }

  private record({ status, bytesIn, bytesOut, client }: Outcome, durationMs: number): AccessRecord {
    const { head, target, error, site } = this;
    const query = head.target.indexOf("?");
    return {
      time: new Date(this.startedAt).toISOString(),
      client,
      method: head.method,
      host: head.host,
      path: query === -1 ? head.target : head.target.slice(0, query),
      status,
      bytes_in: bytesIn,
      bytes_out: bytesOut,
      duration_ms: Math.round(durationMs * 1000) / 1000,
      request_id: this.requestId,
      user_agent: valueOf(head, "user-agent"),
      ...(target && { upstream: `${target.host}:${target.port}`, target: target.id }),
      ...(site && { front: site.front.id }),
      retries: this.retries,
      ...(error !== undefined && { error }),
    };
  }
}

/** Of what came on a connection and was no request. */
export function strayRecord(of: { time: number; client: string; status: number; code: string; requestId: string }): AccessRecord {
  const { time, client, status, code, requestId } = of;
  const nothing = { method: "", host: "", path: "", bytes_in: 0, bytes_out: 0, duration_ms: 0, user_agent: "", retries: 0 };
  return { time: new Date(time).toISOString(), client, status, request_id: requestId, ...nothing, error: code };
}

/** Of the first header with this name (lower case), "" when there is none. */
export function valueOf({ headers }: RequestHead, wanted: string): string {
  return headers.find(([name]) => name.length === wanted.length && name.toLowerCase() === wanted)?.[1] ?? "";
}
