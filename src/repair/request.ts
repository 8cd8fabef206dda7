import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { ServiceRef } from "./project.ts";
import type { ActionPlan } from "./plan.ts";
import { type ApprovalRecord, type RepairRecord, type Requester, STEP_NAMES, type StepName, type StepRecord } from "./record.ts";

const MAX_INSTRUCTION_CHARS = 4000;
/** People remembered of retries of retries. */
const MOST_FORMER = 100;
const WAITING: StepRecord = { status: "pending", attempt: 0, artifacts: [] };

/** `invalid_instruction`. */
export function assertInstruction(instruction: string): string {
  const text = instruction.trim();
  const length = Array.from(text).length;
  if (text !== "" && length <= MAX_INSTRUCTION_CHARS && !text.includes("\0")) return text;
  const why =
    text === ""
      ? "it is empty"
      : length > MAX_INSTRUCTION_CHARS
        ? `it has ${length} characters; ${MAX_INSTRUCTION_CHARS} are the most`
        : "it holds a NUL";
  throw new OrcoError("invalid_instruction", `the instruction cannot be used: ${why}; say in a sentence what is to be repaired`);
}

interface NewRecord {
  readonly id: string;
  readonly ref: ServiceRef;
  readonly kind: "compose" | "stack";
  readonly instruction: string;
  readonly priority: "normal" | "high";
  readonly requestedBy: Requester;
  readonly trigger: RepairRecord["trigger"];
  readonly propose: boolean;
  readonly dryRun: boolean;
  readonly givenLogs?: string;
  readonly givenPlan?: ActionPlan;
}

export function newRecord(clock: Clock, { ref, ...given }: NewRecord): RepairRecord {
  const { project, service } = ref;
  return {
    ...given,
    lane: laneOf(project.name, service),
    project: project.name,
    workspace: project.workspace,
    service,
    attempt: 1,
    queuedAt: clock.now(),
    approval: foreseen(ref, given),
    steps: Object.fromEntries(STEP_NAMES.map((name) => [name, WAITING])) as RepairRecord["steps"],
  };
}

/** Whoever is protected will be asked about, whatever the plan. */
function foreseen({ profile }: ServiceRef, { propose, dryRun }: Pick<NewRecord, "propose" | "dryRun">): ApprovalRecord {
  const isSure = (profile.protected || propose) && !dryRun;
  return { status: isSure ? "awaiting" : "not_required", reasons: [], roles: isSure ? profile.roles : [] };
}

/** The next try of one that has ended: what it found out is taken over, unless it is to be found out anew. */
export function retryRecord(
  former: RepairRecord,
  how: {
    readonly id: string;
    readonly now: number;
    readonly ref: ServiceRef;
    readonly from?: StepName;
    readonly reason?: string;
    readonly requestedBy: Requester;
  },
): RepairRecord {
  const { id, now, from = failedStep(former), requestedBy, reason } = how;
  const plan = from === "analyze" ? undefined : former.plan;
  if (from !== "analyze" && !plan)
    throw new OrcoError("conflict", `run ${former.id} has no plan that ${from} could go on from; retry it from analyze`, {
      run: former.id,
    });
  const { finding, verdict, planHash, instruction, propose, dryRun, formerRequesters = [] } = former;
  const taken = plan && { plan, ...(finding && { finding }), ...(verdict && { verdict }), ...(planHash !== undefined && { planHash }) };
  return {
    ...asked(former),
    id,
    requestedBy,
    instruction: reason === undefined ? instruction : `${instruction}\n(retried: ${reason})`.slice(0, MAX_INSTRUCTION_CHARS),
    retryOf: former.id,
    formerRequesters: [...formerRequesters, former.requestedBy].slice(-MOST_FORMER),
    attempt: former.attempt + 1,
    resumeFrom: from,
    queuedAt: now,
    ...taken,
    approval: foreseen(how.ref, { propose, dryRun }),
    steps: Object.fromEntries(STEP_NAMES.map((name) => [name, WAITING])) as RepairRecord["steps"],
  };
}

/** What stays the same in every try. */
function asked({ lane, kind, project, workspace, service, priority, trigger, propose, dryRun, givenLogs, givenPlan }: RepairRecord) {
  return {
    lane,
    kind,
    project,
    workspace,
    service,
    priority,
    trigger,
    propose,
    dryRun,
    ...(givenLogs !== undefined && { givenLogs }),
    ...(givenPlan && { givenPlan }),
  };
}

/** Where it went wrong: a retry goes on from there. */
function failedStep({ steps, plan }: RepairRecord): StepName {
  const failed = STEP_NAMES.find((name) => name !== "rollback" && steps[name].status === "failed");
  if (failed) return failed;
  return plan ? "patch" : "analyze";
}

function laneOf(project: string, service: string): string {
  return `repair/${project}/${service}`;
}
