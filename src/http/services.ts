import type { InferenceService } from "../inference/service.ts";
import type { RepairService } from "../repair/service.ts";
import type { RunsFilter } from "../runs/catalogue.ts";
import type { Audit } from "../kernel/audit.ts";
import type { AuditVerdict } from "../kernel/audit-verify.ts";
import type { Journal } from "../kernel/journal.ts";
import type { EventLog, Json, JsonObject } from "../kernel/event.ts";
import type { AppStatus, AppView, PutApp, ReleaseView } from "../deploy/view.ts";
import type { PlanView, PutStack, StackSummary, StackView } from "../stack/view.ts";
import type { Execs } from "../stack/exec.ts";
import type { CheckpointView, RunView } from "../workflow/view.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { RunLogRecord } from "../runs/logs/line.ts";
import type { RunLogQuery } from "../runs/logs/query.ts";
import type { PlanAnswer } from "../runs/plan-view.ts";
import type { LogLine, RunFinish } from "../runs/ports.ts";
import type { NewCheckpoint, RunMode } from "../runs/record.ts";
import type { RunRequest } from "../runs/request.ts";
import type { NewSchedule } from "../runs/schedules/body.ts";
import type { ScheduleView } from "../runs/schedules/view.ts";
import type { ClaimReply, ClaimRequest, HeartbeatReply, HeartbeatRequest, ReportReply, ReportRequest } from "../runs/worker-wire.ts";
import type { Decision } from "../workflow/approval.ts";

/** What the HTTP layer needs of the daemon; wired in `daemon.ts`. Every method throws `OrcoError`. */
export interface Services {
  readonly stacks: StackService;
  /** Commands beside instances. */
  readonly execs: Pick<Execs, "start">;
  readonly apps: AppService;
  readonly runs: RunService;
  readonly schedules: ScheduleService;
  readonly inference: InferenceService;
  readonly repair: RepairService;
  readonly audit: AuditService;
  readonly journal: EventLog & Pick<Journal, "query" | "head" | "firstAvailable">;
  /** Never rejects. */
  readonly ready: () => Promise<readonly Check[]>;
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

export interface AuditService extends Pick<Audit, "list"> {
  /** `audit_broken` (facts: seq). */
  readonly verify: () => AuditVerdict;
}

export interface PutOptions {
  /** Take over a name that another file holds. */
  readonly adopt?: boolean;
  /** Wait for the lane instead of failing with `busy`. */
  readonly queue?: boolean;
}

export type ServiceAction = "restart" | "start" | "stop" | "run" | "scale" | "promote" | "abort";

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
  remove(name: string, options: { queue?: boolean; force?: boolean; volumes?: boolean }): Promise<RunView>;
  /** `not_found`, `busy`, `invalid` (scale without replicas), `unsupported` (run of what is no one-shot), `conflict` (promote/abort with nothing under way). */
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
  /** Admits the change and returns its run at once. `id`: with that id; one that is there already is returned. `deploy_in_progress` (facts: run). */
  deploy(name: string, ref: string, how?: { readonly id?: string }): Promise<RunView>;
  /** Also `no_previous_slot`. */
  rollback(name: string, how?: { readonly id?: string }): Promise<RunView>;
}

/** Whom a worker's request is from: the run's token, where one was sent. */
export interface RunCaller {
  readonly token?: string;
}

export interface GivenDecision extends Decision {
  /** Proves the approver of a repair, where its project lists approvers. */
  readonly token?: string;
}

/** Runs of every kind. `not_found` where there is no such run. */
export interface RunService {
  list(filter: RunsFilter & { limit: number; before?: string }): RunView[];
  get(id: string): RunView;
  /** Resolves with the run as it is when it has ended; with `orWaiting` also when it waits for a person. */
  settled(id: string, signal?: AbortSignal, how?: { orWaiting?: boolean }): Promise<RunView>;
  /** Resolves when it has ended. `conflict` (facts: from, to) for one that has completed or failed. */
  cancel(id: string, how?: { force?: boolean }): Promise<RunView>;
  /** `not_found`, `approval_not_applicable`, `approval_void` (facts: content_hash), `forbidden` (facts: roles), `invalid` (facts: steps). */
  decide(id: string, decision: GivenDecision): Promise<RunView>;
  /** Validated and ordered, nothing stored. `invalid` with the pointers of what is wrong. */
  plan(request: RunRequest): PlanAnswer;
  /** `id`: with that id; one that is there already is returned. `invalid`, `busy` (its lane refuses), `unavailable` (the mode's engine does not answer), `disk_full`. */
  create(request: RunRequest, how: { mode: RunMode; owner: string; traceparent?: string; id?: string }): Promise<Pick<RunView, "id">>;
  pause(id: string): Promise<RunView>;
  resume(id: string): Promise<RunView>;
  retry(id: string, how: { from_step?: string; owner: string; id?: string }): Promise<Pick<RunView, "id">>;
  signal(id: string, name: string, data: Json): Promise<void>;
  /** Oldest first. */
  checkpoints(id: string, page: { after?: string; limit: number }): CheckpointView[];
  /** `id`: with that id; one that is there already is answered. Returns its id. */
  checkpoint(id: string, checkpoint: NewCheckpoint, caller: RunCaller & { id?: string }): Promise<string>;
  readonly workers: RunWorkers;
  /** Throws `invalid` for a bad pattern or level. */
  logs(id: string, query: RunLogQuery): AsyncIterable<RunLogRecord>;
  readonly artifacts: RunArtifacts;
}

export interface ScheduleService {
  /** `invalid`: a cron expression that is wrong or never comes, an unknown timezone, a run that could not be made. */
  create(body: NewSchedule, how: { owner: string; id?: string }): Promise<ScheduleView>;
  /** Newest first. */
  list(page: { limit: number; before?: string }): ScheduleView[];
  get(id: string): ScheduleView;
  remove(id: string): Promise<void>;
}

/** For who executes a run elsewhere. Everything but `claim` is fenced by the token: `stale_attempt`, `unauthorized`. */
export interface RunWorkers {
  /** Whether the token is this run's, of whatever attempt. */
  opens(id: string, token: string): boolean;
  /** Throws unless the token is of the attempt under way, or of the last one. */
  fence(id: string, token: string): void;
  claim(id: string, request: ClaimRequest): Promise<ClaimReply>;
  heartbeat(id: string, request: HeartbeatRequest, caller: RunCaller & { signal?: AbortSignal }): Promise<HeartbeatReply>;
  report(id: string, request: ReportRequest, caller: RunCaller): Promise<ReportReply>;
  finish(id: string, end: RunFinish, caller: RunCaller): Promise<RunView>;
  log(id: string, lines: readonly LogLine[], caller: RunCaller): void;
  /** Undefined when the step has none. */
  lastCheckpoint(id: string, step: string): Json | undefined;
}

export interface ArtifactView {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

export interface RunArtifacts {
  list(id: string): Promise<readonly ArtifactView[]>;
  open(id: string, name: string): Promise<{ readonly artifact: ArtifactView; readonly body: ReadableStream<Uint8Array> }>;
  put(id: string, name: string, body: ReadableStream<Uint8Array>): Promise<ArtifactView>;
}
