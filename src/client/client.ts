import { type Clock, systemClock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { GraphView, ServiceAction } from "../http/services.ts";
import type { PlanView, PutStack, RunView, StackSummary, StackView } from "../stack/view.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import { DeployClient } from "./deploy.ts";
import { followEvents, type Follow } from "./events.ts";
import { type LogRequest, readLogs } from "./logs.ts";
import { type Ask, type Target, Transport } from "./transport.ts";
import type { EventList, EventView, HealthView, ReadyView, RunList, StackList, VersionView } from "./wire.ts";

export interface ChangeOptions {
  /** Wait for the stack's lane instead of failing with `busy`. */
  readonly queue?: boolean;
  readonly signal?: AbortSignal;
}

export interface PutStackOptions extends ChangeOptions {
  /** Take over a name that another file holds. */
  readonly adopt?: boolean;
}

/** Body of `POST /runs/{id}/approvals`. */
export interface RunDecision {
  readonly decision: "approve" | "reject";
  /** Default: the caller as the daemon knows it. */
  readonly approver?: { readonly id: string; readonly role?: string };
  readonly comment?: string;
  readonly step?: string;
  readonly content_hash?: string;
}

/**
 * The daemon, as the CLI and the pages see it. Every method throws `OrcoError`: what the daemon threw with its facts, or `unreachable`.
 * Changes return their run as soon as it is admitted; `waitRun` waits for its end.
 */
export class Client extends DeployClient {
  private readonly clock: Clock;

  constructor(target: Target, clock: Clock = systemClock()) {
    super(new Transport(target, clock));
    this.clock = clock;
  }

  health(ask: Pick<Ask, "signal" | "timeoutMs"> = {}): Promise<HealthView> {
    return this.transport.json("/health", ask);
  }

  /** Answers also when the daemon is not ready (`ok: false`). */
  ready(): Promise<ReadyView> {
    return this.transport.json("/ready", { accepts: [503] });
  }

  version(): Promise<VersionView> {
    return this.transport.json("/version");
  }

  config(): Promise<JsonObject> {
    return this.transport.json("/config");
  }

  /** Takes every stack down and ends the daemon; resolves when all is down. */
  async shutdown(options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.health();
    await this.transport.open("/shutdown", { method: "POST", timeoutMs: 0, ...options });
  }

  async stacks(): Promise<readonly StackSummary[]> {
    return (await this.transport.json<StackList>("/stacks")).stacks;
  }

  stack(name: string, options: { usage?: boolean } = {}): Promise<StackView> {
    return this.transport.json(stackPath(name), { query: { usage: options.usage } });
  }

  putStack(name: string, body: PutStack, { signal, ...query }: PutStackOptions = {}): Promise<RunView> {
    return this.change(stackPath(name), { method: "PUT", body, query, ...(signal && { signal }) });
  }

  plan(name: string, body: PutStack, { signal, ...query }: PutStackOptions = {}): Promise<PlanView> {
    return this.transport.json(stackPath(name), { method: "PUT", body, query: { ...query, dry_run: true }, ...(signal && { signal }) });
  }

  deleteStack(name: string, { signal, ...query }: ChangeOptions & { force?: boolean } = {}): Promise<RunView> {
    return this.change(stackPath(name), { method: "DELETE", query, ...(signal && { signal }) });
  }

  act(target: { stack: string; service: string; action: ServiceAction; replicas?: number }, options: ChangeOptions = {}): Promise<RunView> {
    const { signal, ...query } = options;
    const path = `${stackPath(target.stack)}/services/${encodeURIComponent(target.service)}/${target.action}`;
    const body = target.replicas === undefined ? {} : { replicas: target.replicas };
    return this.change(path, { method: "POST", body, query, ...(signal && { signal }) });
  }

  graph(name: string): Promise<GraphView> {
    return this.transport.json(`${stackPath(name)}/graph`);
  }

  /** Newest first. */
  runs(filter: { stack?: string; limit?: number; cursor?: string } = {}): Promise<RunList> {
    return this.transport.json("/runs", { query: filter });
  }

  run(id: string): Promise<RunView> {
    return this.transport.json(runPath(id));
  }

  cancelRun(id: string): Promise<RunView> {
    return this.transport.json(`${runPath(id)}/cancel`, { method: "POST" });
  }

  /** `approval_not_applicable`, `approval_void`, `forbidden`: what the daemon says (`http/services.ts`). */
  decideRun(id: string, body: RunDecision): Promise<RunView> {
    return this.transport.json(`${runPath(id)}/approvals`, { method: "POST", body });
  }

  /** Resolves with the run when it has ended, whatever its status, across restarts of the daemon. Rejects with the signal's reason. */
  async waitRun(id: string, options: { signal?: AbortSignal; onEvent?: (event: EventView) => void } = {}): Promise<RunView> {
    for await (const event of this.runEvents(id, options)) options.onEvent?.(event);
    options.signal?.throwIfAborted();
    return this.run(id);
  }

  runEvents(id: string, follow: Follow = {}): AsyncGenerator<EventView, void> {
    return followEvents(this.source(), { path: `${runPath(id)}/events` }, follow);
  }

  /** Newest first. `topic` as in `events`. */
  recentEvents(filter: { topic?: string; limit?: number; cursor?: string } = {}): Promise<EventList> {
    return this.transport.json("/events", { query: filter });
  }

  /** Follows events until the signal aborts. `topic` is exact (`stack/demo`), a prefix (`stack/*`), several with commas, or absent for all. */
  events({ topic, ...follow }: Follow & { topic?: string } = {}): AsyncGenerator<EventView, void> {
    return followEvents(this.source(), { path: "/events", query: { topic } }, follow);
  }

  logs(name: string, request: LogRequest): AsyncGenerator<LogRecord, void> {
    return readLogs(this.source(), stackPath(name).slice(1), request);
  }

  appLogs(name: string, request: LogRequest): AsyncGenerator<LogRecord, void> {
    return readLogs(this.source(), `apps/${encodeURIComponent(name)}`, request);
  }

  private change(path: string, ask: Ask): Promise<RunView> {
    return this.transport.json(path, { ...ask, headers: { prefer: "respond-async" } });
  }

  private source(): { transport: Transport; clock: Clock } {
    return { transport: this.transport, clock: this.clock };
  }
}

function stackPath(name: string): string {
  return `/stacks/${encodeURIComponent(name)}`;
}

function runPath(id: string): string {
  return `/runs/${encodeURIComponent(id)}`;
}
