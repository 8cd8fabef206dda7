import type { Audit } from "../kernel/audit.ts";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Approval } from "../workflow/define.ts";
import type { Runs } from "../workflow/execute.ts";
import { APPROVAL_STEP } from "./approval/content.ts";
import { OUTDATED_BY } from "./approval/approver.ts";
import { assertMayDecide, type DecisionParts } from "./approval/decide.ts";
import type { RepairBook } from "./book.ts";
import type { RepairRecord, Requester } from "./record.ts";
import type { RepairDecision } from "./service.ts";
import { statusOf } from "./status.ts";

const ACTIONS = { approve: "repair.approved", reject: "repair.rejected" } as const;

interface Parts extends DecisionParts {
  readonly book: RepairBook;
  readonly clock: Clock;
  readonly runs: () => Runs;
  /** What has changed since the plan was made, in words; undefined: nothing. */
  readonly outdated: (record: RepairRecord) => Promise<string | undefined>;
  readonly note: Note;
  readonly audit: Pick<Audit, "has">;
}

/** Into the audit log. */
export type Note = (
  record: RepairRecord,
  action: string,
  by: Requester,
  facts?: Readonly<Record<string, string | boolean>>,
) => Promise<void>;

/** What people decide about plans that wait for them: for exactly what they saw, once. */
export class RepairDecisions {
  constructor(private readonly parts: Parts) {}

  /** `approval_not_applicable`, `approval_denied`, `approval_void`. Resolves when it is on disk; of a rejection, when the run has ended. */
  async decide(id: string, decision: RepairDecision): Promise<void> {
    const record = this.parts.book.get(id);
    const status = statusOf(this.parts.runs().get(id), record);
    if (status !== "awaiting_approval")
      throw new OrcoError("approval_not_applicable", `run ${id} waits for no approval: it is ${status}`, { run: id, status });
    const approver = await assertMayDecide(this.parts, record, decision);
    if (decision.planHash !== undefined && decision.planHash !== record.planHash) throw otherPlan(record);
    // It is told that somebody is asked before an answer can be taken.
    await this.parts.runs().settled(id, undefined, { orWaiting: true });
    const changed = decision.decision === "approve" ? await this.parts.outdated(record) : undefined;
    if (changed !== undefined) return this.voidPlan(record, changed, approver);
    await this.pass(record, decision, approver);
  }

  /** A daemon that died between a decision and its note has left it to this one. */
  async noteLeft(record: RepairRecord): Promise<void> {
    const step = this.parts
      .runs()
      .steps(record.id)
      .find(({ name }) => name === APPROVAL_STEP);
    const given = step?.result as unknown as Approval | undefined;
    if (step?.waiting?.kind !== "approval" || !given || given.approver.id === OUTDATED_BY) return;
    if (this.parts.audit.has(record.id, Object.values(ACTIONS))) return;
    await this.parts.note(record, ACTIONS[given.decision], given.approver, given.comment === undefined ? {} : { comment: given.comment });
  }

  private async pass(record: RepairRecord, { decision, comment }: RepairDecision, approver: Requester): Promise<void> {
    const { id } = record;
    const said = { ...(comment !== undefined && { comment }) };
    await this.parts.runs().decide(id, { decision, approver, ...said });
    await this.parts.note(record, ACTIONS[decision], approver, said);
    if (decision === "reject") await this.parts.runs().settled(id);
    else await this.granted(id, approver, comment);
  }

  private async granted(id: string, approver: Requester, comment: string | undefined): Promise<void> {
    const at = this.parts.clock.now();
    const said = { by: approver, at, ...(comment !== undefined && { comment }) };
    await this.parts.book.change(id, ({ approval }) =>
      approval.status === "awaiting" ? { approval: { ...approval, status: "granted", ...said } } : undefined,
    );
  }

  /** What was to be approved is not there any more: the run ends, and nothing was touched. */
  private async voidPlan(record: RepairRecord, changed: string, by: Requester): Promise<never> {
    const { id } = record;
    // First: where somebody else has approved meanwhile, what has changed may be the repair's own work.
    await this.parts.runs().decide(id, { decision: "reject", approver: { id: OUTDATED_BY }, comment: `plan outdated: ${changed}` });
    await this.parts.note(record, "repair.outdated", by, { changed });
    await this.parts.runs().settled(id);
    const next = `repair again to get a new one: orco repair retry ${id} --from analyze`;
    throw new OrcoError("approval_void", `the plan of run ${id} is outdated: ${changed}; ${next}`, { run: id });
  }
}

function otherPlan({ id, planHash }: RepairRecord): OrcoError {
  const text = `run ${id} has another plan than the one you have seen; look at it again: orco repair show ${id}`;
  return new OrcoError("approval_void", text, { run: id, plan_hash: planHash });
}
