import { Transport } from "../client/transport.ts";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { RunFinish } from "../runs/ports.ts";
import type {
  ClaimReply,
  ClaimRequest,
  HeartbeatReply,
  HeartbeatRequest,
  LastCheckpointReply,
  LogsRequest,
  ReportReply,
  ReportRequest,
} from "../runs/worker-wire.ts";

/** A request that is held gets this much longer than the daemon was asked to hold it. */
const SLACK_MS = 5000;

/** `POST claim`; `key`: the daemon's API key, where it has one. */
export function claimRun(
  target: { url: string; key?: string; clock: Pick<Clock, "after"> },
  run: string,
  request: ClaimRequest,
): Promise<ClaimReply> {
  const { url, key, clock } = target;
  const transport = new Transport({ url, ...(key !== undefined && { apiKey: key }) }, clock);
  return transport.json(`/runs/${encodeURIComponent(run)}/claim`, { method: "POST", body: request });
}

/** What one attempt says to the daemon: one request each, no retries. */
export class RunApi {
  private readonly transport: Transport;
  private readonly path: string;

  constructor({ url, run, token, clock }: { url: string; run: string; token: string; clock: Pick<Clock, "after"> }) {
    this.transport = new Transport({ url, apiKey: token }, clock);
    this.path = `/runs/${encodeURIComponent(run)}`;
  }

  heartbeat(body: HeartbeatRequest, signal: AbortSignal): Promise<HeartbeatReply> {
    return this.post("heartbeat", body, { signal, timeoutMs: (body.wait_ms ?? 0) + SLACK_MS });
  }

  report(body: ReportRequest, signal: AbortSignal): Promise<ReportReply> {
    return this.post("report", body, { signal });
  }

  logs(body: LogsRequest, signal: AbortSignal): Promise<unknown> {
    return this.post("logs", body, { signal });
  }

  finish(body: RunFinish, signal: AbortSignal): Promise<unknown> {
    return this.post("finish", wireFinish(body), { signal });
  }

  /** Undefined when the step has none. */
  async lastCheckpoint(step: string, signal: AbortSignal): Promise<Json | undefined> {
    try {
      const path = `${this.path}/steps/${encodeURIComponent(step)}/checkpoint`;
      return (await this.transport.json<LastCheckpointReply>(path, { signal })).data as Json;
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  private post<T>(name: string, body: unknown, how: { signal: AbortSignal; timeoutMs?: number }): Promise<T> {
    return this.transport.json(`${this.path}/${name}`, { method: "POST", body, ...how });
  }
}

/** On the wire the facts of an error stand beside its code. */
function wireFinish(end: RunFinish): unknown {
  if (end.status !== "failed") return end;
  const { facts, ...error } = end.error;
  return { ...end, error: { ...facts, ...error } };
}
