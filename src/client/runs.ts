import type { Clock } from "../kernel/clock.ts";
import type { Json } from "../kernel/event.ts";
import type { ArtifactView } from "../http/services.ts";
import type { RunLogRecord } from "../runs/logs/line.ts";
import type { PlanAnswer } from "../runs/plan-view.ts";
import type { ScheduleView } from "../runs/schedules/view.ts";
import type { CheckpointView, RunView } from "../workflow/view.ts";
import { DeployClient } from "./deploy.ts";
import { followEvents, type Follow, type Source } from "./events.ts";
import { resumable } from "./resume.ts";
import { readLines } from "./sse.ts";
import type { Transport } from "./transport.ts";
import type { EventView, RunList } from "./wire.ts";

/** Body of `POST /runs/{id}/approvals`. */
export interface RunDecision {
  readonly decision: "approve" | "reject";
  /** Default: the caller as the daemon knows it. */
  readonly approver?: { readonly id: string; readonly role?: string };
  readonly comment?: string;
  readonly step?: string;
  readonly content_hash?: string;
}

export interface RunsQuery {
  readonly status?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly owner?: string;
  readonly mode?: string;
  readonly since?: string;
  readonly stack?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface RunLogRequest {
  readonly step?: string;
  readonly tail?: number;
  readonly since?: number;
  readonly level?: string;
  readonly grep?: string;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

interface Changed {
  readonly run: RunView;
}

/** Runs, whatever they do. */
export class RunClient extends DeployClient {
  constructor(
    transport: Transport,
    protected readonly clock: Clock,
  ) {
    super(transport);
  }

  /** `request`: the body of `POST /runs` (runs.md). `idempotencyKey`: asked twice, it is made once. */
  async createRun(request: unknown, { mode, idempotencyKey }: { mode?: string; idempotencyKey?: string } = {}): Promise<string> {
    const headers = idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
    const { runId } = await this.transport.json<{ runId: string }>("/runs", { method: "POST", body: request, query: { mode }, headers });
    return runId;
  }

  /** Validated and ordered; nothing is stored. */
  async planRun(request: unknown): Promise<PlanAnswer> {
    return (await this.transport.json<{ plan: PlanAnswer }>("/runs", { method: "POST", body: request, query: { mode: "plan" } })).plan;
  }

  /** Newest first. */
  runs(query: RunsQuery = {}): Promise<RunList> {
    return this.transport.json("/runs", { query: { ...query } });
  }

  async run(id: string): Promise<RunView> {
    return (await this.transport.json<Changed>(runPath(id))).run;
  }

  /** Resolves when it has ended. */
  async cancelRun(id: string, query: { force?: boolean } = {}): Promise<RunView> {
    return (await this.transport.json<Changed>(runPath(id), { method: "DELETE", query, timeoutMs: 0 })).run;
  }

  async actOnRun(id: string, action: "pause" | "resume"): Promise<RunView> {
    return (await this.transport.json<Changed>(`${runPath(id)}/${action}`, { method: "POST", body: {} })).run;
  }

  /** The id of the new run. */
  async retryRun(id: string, body: { from_step?: string } = {}): Promise<string> {
    return (await this.transport.json<{ runId: string }>(`${runPath(id)}/retry`, { method: "POST", body })).runId;
  }

  async signalRun(id: string, name: string, data: Json): Promise<void> {
    await this.transport.open(`${runPath(id)}/signals/${encodeURIComponent(name)}`, { method: "POST", body: { data } });
  }

  /** `approval_not_applicable`, `approval_void`, `forbidden`: what the daemon says (`http/services.ts`). */
  async decideRun(id: string, body: RunDecision): Promise<RunView> {
    return (await this.transport.json<Changed>(`${runPath(id)}/approvals`, { method: "POST", body })).run;
  }

  /** Oldest first. */
  async checkpoints(id: string, query: { after?: string; limit?: number } = {}): Promise<readonly CheckpointView[]> {
    return (await this.transport.json<{ checkpoints: readonly CheckpointView[] }>(`${runPath(id)}/checkpoints`, { query })).checkpoints;
  }

  async checkpoint(id: string, body: { type: string; data?: Json }): Promise<string> {
    return (await this.transport.json<{ checkpointId: string }>(`${runPath(id)}/checkpoints`, { method: "POST", body })).checkpointId;
  }

  async artifacts(id: string): Promise<readonly ArtifactView[]> {
    return (await this.transport.json<{ artifacts: readonly ArtifactView[] }>(`${runPath(id)}/artifacts`)).artifacts;
  }

  /** Its bytes. */
  async artifact(id: string, name: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.transport.open(`${runPath(id)}/artifacts/${encodeURIComponent(name)}`, { headers: { accept: "*/*" } });
    return response.body ?? new Blob([]).stream();
  }

  /** Resolves with the run when it has ended, whatever its status, across restarts of the daemon. Rejects with the signal's reason. */
  async waitRun(id: string, options: Pick<Follow, "signal" | "onAway"> & { onEvent?: (event: EventView) => void } = {}): Promise<RunView> {
    for await (const event of this.runEvents(id, options)) options.onEvent?.(event);
    options.signal?.throwIfAborted();
    return this.run(id);
  }

  runEvents(id: string, follow: Follow = {}): AsyncGenerator<EventView, void> {
    return followEvents(this.source(), { path: `${runPath(id)}/events` }, follow);
  }

  /** What its steps print; with `follow` until it ends, across restarts of the daemon. */
  runLogs(id: string, { signal, tail, ...query }: RunLogRequest = {}): AsyncGenerator<RunLogRecord, void> {
    let after: number | undefined;
    const connect = async function* (this: RunClient, opened: () => void): AsyncGenerator<RunLogRecord, "done" | "cut"> {
      const response = await this.transport.open(`${runPath(id)}/logs`, {
        query: { ...query, after, tail: after === undefined ? tail : undefined },
        headers: { accept: "application/x-ndjson" },
        timeoutMs: 0,
        ...(signal && { signal }),
      });
      opened();
      for await (const line of readLines(response)) {
        const record = JSON.parse(line) as RunLogRecord;
        after = record.seq;
        yield record;
      }
      return "done";
    }.bind(this);
    return resumable({ clock: this.clock, connect, ...(signal && { signal }) });
  }

  createSchedule(body: unknown): Promise<ScheduleView> {
    return this.transport.json("/schedules", { method: "POST", body });
  }

  async schedules(query: { limit?: number; cursor?: string } = {}): Promise<readonly ScheduleView[]> {
    return (await this.transport.json<{ schedules: readonly ScheduleView[] }>("/schedules", { query })).schedules;
  }

  async removeSchedule(id: string): Promise<void> {
    await this.transport.open(`/schedules/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  protected source(): Source {
    return { transport: this.transport, clock: this.clock };
  }
}

function runPath(id: string): string {
  return `/runs/${encodeURIComponent(id)}`;
}
