import { messageOf } from "../../kernel/errors.ts";
import type { ServiceRef } from "../project.ts";
import type { RepairRecord, Requester } from "../record.ts";
import type { RepairDecision } from "../service.ts";
import { checkApprover } from "./approver.ts";

export interface DecisionParts {
  /** The service with its profile as of the commit the plan was made at. */
  readonly refOf: (record: RepairRecord) => Promise<ServiceRef>;
  /** Somebody was turned away. */
  readonly denied: (record: RepairRecord, decision: RepairDecision, why: string) => Promise<void>;
}

/** Who decides, with the role that is proven. Throws `approval_denied`, which is remembered too. */
export async function assertMayDecide(parts: DecisionParts, record: RepairRecord, decision: RepairDecision): Promise<Requester> {
  const { project, profile } = await parts.refOf(record);
  try {
    return checkApprover({
      approvers: project.approvers,
      roles: profile.roles,
      requesters: [...(record.formerRequesters ?? []), record.requestedBy],
      decision,
      selfApproval: profile.selfApproval,
    });
  } catch (error) {
    await parts.denied(record, decision, messageOf(error));
    throw error;
  }
}
