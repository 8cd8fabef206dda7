import { type Clock, systemClock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { GraphView, ServiceAction } from "../http/services.ts";
import type { ExecTarget } from "../stack/exec.ts";
import type { PlanView, PutStack, StackSummary, StackView } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import { AuditClient } from "./audit.ts";
import { followEvents, type Follow } from "./events.ts";
import { type ExecConnection, type ExecRequest, openExec } from "./exec.ts";
import { InferenceClient } from "./inference.ts";
import { type LogRequest, readLogs } from "./logs.ts";
import { RepairClient } from "./repair.ts";
import { RunClient } from "./runs.ts";
import { type Ask, type Target, Transport } from "./transport.ts";
import type { EventList, EventView, HealthView, ReadyView, StackList, VersionView } from "./wire.ts";

export interface ChangeOptions {
  /** Wait for the stack's lane instead of failing with `busy`. */
  readonly queue?: boolean;
  readonly signal?: AbortSignal;
}

export interface PutStackOptions extends ChangeOptions {
  /** Take over a name that another file holds. */
  readonly adopt?: boolean;
}

/**
 * The daemon, as the CLI and the pages see it. Every method throws `OrcoError`: what the daemon threw with its facts, or `unreachable`.
 * Changes return their run as soon as it is admitted; `waitRun` waits for its end.
 */
export class Client extends RunClient {
  constructor(target: Target, clock: Clock = systemClock()) {
    super(new Transport(target, clock), clock);
  }

  /** Models, pools, nodes and tasks. */
  get inference(): InferenceClient {
    return new InferenceClient(this.transport);
  }

  get repair(): RepairClient {
    return new RepairClient(this.transport, this.clock);
  }

  get audit(): AuditClient {
    return new AuditClient(this.transport);
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

  deleteStack(name: string, { signal, ...query }: ChangeOptions & { force?: boolean; volumes?: boolean } = {}): Promise<RunView> {
    return this.change(stackPath(name), { method: "DELETE", query, ...(signal && { signal }) });
  }

  act(target: { stack: string; service: string; action: ServiceAction; replicas?: number }, options: ChangeOptions = {}): Promise<RunView> {
    const { signal, ...query } = options;
    const path = `${stackPath(target.stack)}/services/${encodeURIComponent(target.service)}/${target.action}`;
    const body = target.replicas === undefined ? {} : { replicas: target.replicas };
    return this.change(path, { method: "POST", body, query, ...(signal && { signal }) });
  }

  /** Resolves when the command runs. Leaving it (`signal`) ends it. */
  exec(target: ExecTarget, body: ExecRequest, signal: AbortSignal): Promise<ExecConnection> {
    return openExec(this.transport, `${stackPath(target.stack)}/services/${encodeURIComponent(target.service)}/exec`, { body, signal });
  }

  graph(name: string): Promise<GraphView> {
    return this.transport.json(`${stackPath(name)}/graph`);
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
}

function stackPath(name: string): string {
  return `/stacks/${encodeURIComponent(name)}`;
}
