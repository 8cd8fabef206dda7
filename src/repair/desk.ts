import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Runs } from "../workflow/execute.ts";
import type { RunRow } from "../workflow/run.ts";
import type { DecisionParts } from "./approval/decide.ts";
import type { RepairBook } from "./book.ts";
import { type Note, RepairDecisions } from "./decisions.ts";
import { RepairEnds } from "./ends.ts";
import type { RepairFiles } from "./files.ts";
import type { RepairHost } from "./host.ts";
import { listed } from "./listing.ts";
import type { ActionPlan } from "./plan.ts";
import type { ServiceRef } from "./project.ts";
import { type RepairRecord, type RepairStatus, type Requester, type StepName } from "./record.ts";
import { assertInstruction, newRecord, retryRecord } from "./request.ts";
import type { CiFailure, NewRepair, RepairDecision, RepairPage, RepairQuery } from "./service.ts";
import { isOver, statusOf } from "./status.ts";
import type { RunDetail, RunSummary } from "./view.ts";
import { detailOf, summaryOf } from "./views.ts";

const HIGH = 1;

export interface DeskParts extends DecisionParts {
  readonly book: RepairBook;
  readonly files: RepairFiles;
  readonly host: RepairHost;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly runs: () => Runs;
  /** `unknown_service`, `ambiguous_service`, `docker_unavailable`, `compose_invalid`, `compose_refused`, `self_repair`. */
  readonly admit: (target: string) => Promise<Admitted>;
  /** What has changed since the plan was made, in words; undefined: nothing. */
  readonly outdated: (record: RepairRecord) => Promise<string | undefined>;
}

/** A service that may be repaired. */
export interface Admitted extends ServiceRef {
  readonly kind: "compose" | "stack";
  /** An operator's own plan, held against the policy. `invalid`, `patch_refused`. */
  readonly checkPlan: (plan: unknown) => Promise<ActionPlan>;
  /** Takes the service's secrets out of what is given. */
  readonly mask: (text: string) => string;
}

/** How a repair came to be asked for. */
export interface Origin {
  readonly trigger: RepairRecord["trigger"];
  readonly propose: boolean;
}

const BY_REQUEST: Origin = { trigger: "api", propose: false };

/** Admits repairs, shows them, and takes what people decide about them. */
export class RepairDesk {
  /** As last told to the meter. */
  private readonly told = new Map<string, RepairStatus>();
  private readonly decisions: RepairDecisions;
  private readonly ends: RepairEnds;

  constructor(private readonly parts: DeskParts) {
    const { audit } = parts.host;
    const onEnding = (record: RepairRecord): void => this.announce(record);
    this.ends = new RepairEnds({ ...parts, onEnding, onEnd: (id) => void this.told.delete(id) });
    this.decisions = new RepairDecisions({ ...parts, audit, note: (...told) => this.note(...told) });
  }

  /** Goes on with what a former daemon left. After runs are resumed: one that is not under way yet has no end to wait for. */
  start(): void {
    for (const id of this.parts.book.unended()) void this.settleLeft(id).catch(this.parts.host.onError);
  }

  async create(request: NewRepair, id = this.parts.newId(), origin = BY_REQUEST): Promise<RunSummary> {
    const { book, files, clock } = this.parts;
    if (book.has(id) && this.parts.runs().knows(id)) return this.summary(id);
    const wanted = assertInstruction(request.instruction);
    const ref = await this.parts.admit(request.targetService);
    const instruction = ref.mask(wanted);
    const givenPlan = request.plan === undefined ? undefined : await ref.checkPlan(request.plan);
    const { priority, requestedBy, dryRun } = request;
    const asked = { id, ref, kind: ref.kind, instruction, priority, requestedBy, dryRun, ...origin };
    const record = newRecord(clock, {
      ...asked,
      ...(request.logs !== undefined && { givenLogs: "given.log" }),
      ...(givenPlan && { givenPlan }),
    });
    const logs = request.logs === undefined ? undefined : ref.mask(request.logs);
    return this.submit(record, async () => logs !== undefined && files.put(id, "given.log", logs));
  }

  /** A build failed elsewhere. Undefined where the service's profile does not ask for repairs. */
  async ciFailed({ targetService, logs, url, requestedBy }: CiFailure, id?: string): Promise<RunSummary | undefined> {
    const { profile } = await this.parts.admit(targetService);
    if (profile.repair === "off") return undefined;
    const instruction = `a build of ${targetService} failed${url === undefined ? "" : `: ${withoutUser(url)}`}`;
    const request = { instruction, targetService, priority: "normal", requestedBy, dryRun: false, logs } as const;
    return this.create(request, id, { trigger: "ci", propose: profile.repair === "propose" });
  }

  list(query: RepairQuery): RepairPage {
    return listed({ book: this.parts.book, summary: (record) => this.known(record) }, query);
  }

  async get(id: string): Promise<RunDetail> {
    const artifacts = await this.parts.files.list(this.parts.book.get(id).id);
    return detailOf(this.run(id), this.parts.book.get(id), artifacts);
  }

  async decide(id: string, decision: RepairDecision): Promise<RunSummary> {
    await this.decisions.decide(id, decision);
    return this.summary(id);
  }

  async retry(
    id: string,
    how: { from?: StepName; reason?: string; requestedBy: Requester },
    newId = this.parts.newId(),
  ): Promise<RunSummary> {
    const { book, clock, files } = this.parts;
    if (book.has(newId) && this.parts.runs().knows(newId)) return this.summary(newId);
    const former = book.get(id);
    const status = statusOf(this.run(id), former);
    if (!isOver(status) || status === "succeeded")
      throw new OrcoError("conflict", `run ${id} cannot be retried: it ${isOver(status) ? "has succeeded" : `is ${status}`}`, {
        run: id,
        status,
      });
    const ref = await this.parts.admit(`${former.project}/${former.service}`);
    if (ref.project.workspace !== former.workspace)
      throw new OrcoError(
        "conflict",
        `run ${id} was of ${former.workspace}; ${former.lane} is in ${ref.project.workspace} now: ask for a new repair`,
      );
    const reason = how.reason === undefined ? {} : { reason: ref.mask(how.reason) };
    const record = retryRecord(former, { ...how, ...reason, id: newId, now: clock.now(), ref });
    return this.submit(record, async () => {
      for (const name of ["given.log", ...(record.plan ? ["plan.json", "patch.diff"] : [])]) await files.take(newId, id, name);
    });
  }

  async cancel(id: string): Promise<RunSummary> {
    const status = statusOf(this.run(id), this.parts.book.get(id));
    if (isOver(status)) throw new OrcoError("conflict", `run ${id} is over already: its status is ${status}`, { run: id, status });
    await this.parts.runs().cancel(id);
    await this.ends.over(id);
    return this.summary(id);
  }

  /** How many wait for an approval. */
  awaiting(): number {
    return [...this.told.values()].filter((status) => status === "awaiting_approval").length;
  }

  summary(id: string): RunSummary {
    return summaryOf(this.run(id), this.parts.book.get(id));
  }

  /** A record or its run has changed: whoever counts is told of another status. */
  announce(record: RepairRecord): void {
    const summary = this.known(record);
    if (!summary || this.told.get(record.id) === summary.status) return;
    this.told.set(record.id, summary.status);
    const { meter } = this.parts.host;
    const durationMs = isOver(summary.status) ? this.parts.clock.now() - record.queuedAt : undefined;
    meter.status({ service: record.service, id: record.id }, summary.status, durationMs);
    if (!isOver(summary.status) && summary.status !== "queued")
      void this.parts.book.tell(record.id, { type: "repair.status", data: { status: summary.status } }).catch(this.parts.host.onError);
  }

  /** `prepare` lays its files; of one that is not admitted nothing stays. */
  private async submit(record: RepairRecord, prepare: () => Promise<unknown>): Promise<RunSummary> {
    const { id, lane, project, service, requestedBy, instruction } = record;
    this.ends.wanted(id);
    try {
      await prepare();
      await this.parts.book.create(record);
      await this.note(record, "repair.requested", requestedBy, { instruction, dry_run: record.dryRun, trigger: record.trigger });
      const input = { project, service, instruction };
      const labels = { project, service };
      const priority = record.priority === "high" ? HIGH : 0;
      await this.parts.runs().submit({ kind: "repair", id, lane, input, labels, priority, onBusy: "queue" });
    } catch (error) {
      await this.ends.unmade(id);
      this.parts.files.remove(id);
      throw error;
    }
    this.announce(record);
    this.ends.watch(id);
    return this.summary(id);
  }

  private async settleLeft(id: string): Promise<void> {
    const { book, files } = this.parts;
    if (!this.parts.runs().knows(id)) {
      await book.remove([id]);
      files.remove(id);
      return;
    }
    const record = book.get(id);
    const status = statusOf(this.run(id), record);
    if (!isOver(status)) this.told.set(id, status);
    if (!isOver(status)) this.ends.watch(id);
    await this.decisions.noteLeft(record);
    if (isOver(status)) await this.ends.overAtLast(id);
  }

  private readonly note: Note = async (record, action, by, facts = {}) => {
    const { service, project, planHash } = record;
    const about = { service, project, ...(planHash !== undefined && { plan_hash: planHash }) };
    await this.parts.host.audit.append({
      at: this.parts.clock.now(),
      actor: actorOf(by),
      action,
      subject: record.id,
      facts: { ...about, ...facts },
    });
  };

  private run(id: string): RunRow {
    return this.parts.runs().get(id);
  }

  /** Undefined where its run never was. */
  private known(record: RepairRecord): RunSummary | undefined {
    try {
      return summaryOf(this.run(record.id), record);
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return undefined;
      throw new OrcoError("internal", messageOf(error), {}, { cause: error });
    }
  }
}

/** Who reads the instruction need not know who may look at the build. */
function withoutUser(text: string): string {
  const url = new URL(text);
  [url.username, url.password] = ["", ""];
  return url.href;
}

function actorOf({ id, role }: Requester): string {
  return role === undefined ? id : `${id} (${role})`;
}
