import type { EventLog, JsonObject } from "../kernel/event.ts";
import type { AppStatus, AppView, PutApp, ReleaseView } from "../deploy/view.ts";
import type { PlanView, PutStack, RunView, StackSummary, StackView } from "../stack/view.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { Decision } from "../workflow/approval.ts";

/** What the HTTP layer needs of the daemon; wired in `daemon.ts`. Every method throws `OrcoError`. */
export interface Services {
  readonly stacks: StackService;
  readonly apps: AppService;
  readonly runs: RunService;
  readonly journal: EventLog & { head(topic?: string): number; firstAvailable(topic?: string): number };
  readonly ready: () => readonly Check[];
  /** The resolved configuration with the origin of each value; secrets masked. */
  readonly config: () => JsonObject;
  /** Takes everything down, then ends the daemon. Resolves when every stack is down. */
  readonly shutdown: () => Promise<void>;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly warning?: string;
}

export interface PutOptions {
  /** Take over a name that another file holds. */
  readonly adopt?: boolean;
  /** Wait for the lane instead of failing with `busy`. */
  readonly queue?: boolean;
}

export type ServiceAction = "restart" | "start" | "stop" | "scale" | "promote" | "abort";

export interface GraphView {
  readonly nodes: readonly { readonly service: string; readonly layer: number; readonly state?: string; readonly ready?: boolean }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly require: string }[];
}

export interface StackService {
  /** Admits an apply and returns its run at once. `invalid` / `unsupported` carry `diagnostics`; `conflict`: the name belongs to another file; `busy`: facts.run. */
  put(name: string, body: PutStack, options: PutOptions): Promise<RunView>;
  plan(name: string, body: PutStack): Promise<PlanView>;
  list(): StackSummary[];
  /** `not_found`. `usage` adds cpu_percent and memory_bytes. */
  get(name: string, options?: { usage?: boolean }): StackView;
  remove(name: string, options: { queue?: boolean; force?: boolean }): Promise<RunView>;
  /** `not_found`, `busy`, `invalid` (scale without replicas), `unsupported`, `conflict` (promote/abort with nothing under way). */
  act(target: { stack: string; service: string; action: ServiceAction; replicas?: number; queue?: boolean }): Promise<RunView>;
  graph(name: string): GraphView;
  logs(name: string, request: { services?: readonly string[]; query: LogQuery; signal: AbortSignal }): AsyncIterable<LogRecord>;
}

export interface AppService {
  /** The app that is meant when none is named: the only one, or `default`. `not_found`, `invalid` (facts: apps). */
  nameOf(name: string | undefined): string;
  /** `invalid` with the pointers of the wrong fields. */
  put(name: string, body: PutApp): Promise<AppView>;
  list(): AppView[];
  get(name: string): AppView;
  remove(name: string): Promise<void>;
  status(name: string): AppStatus;
  releases(name: string, page: { limit: number; before?: string }): ReleaseView[];
  /** Of both slots, which are the services here. */
  logs(name: string, request: { services?: readonly string[]; query: LogQuery; signal: AbortSignal }): AsyncIterable<LogRecord>;
  /** Admits the change and returns its run at once. `deploy_in_progress` (facts: run). */
  deploy(name: string, ref: string): Promise<RunView>;
  /** Also `no_previous_slot`. */
  rollback(name: string): Promise<RunView>;
}

export interface RunService {
  list(filter: { stack?: string; limit: number; before?: string }): RunView[];
  get(id: string): RunView;
  /** Resolves with the run as it is when it has ended; with `orWaiting` also when it waits for a person. */
  settled(id: string, signal?: AbortSignal, how?: { orWaiting?: boolean }): Promise<RunView>;
  cancel(id: string): Promise<RunView>;
  /** `not_found`, `approval_not_applicable`, `approval_void` (facts: content_hash), `forbidden` (facts: roles), `invalid` (facts: steps). */
  decide(id: string, decision: Decision): Promise<RunView>;
}
