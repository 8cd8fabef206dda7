import { createHash, timingSafeEqual } from "node:crypto";
import { OrcoError } from "../../kernel/errors.ts";
import { withoutUnseen } from "../../kernel/unseen.ts";
import type { Approver } from "../project.ts";
import type { Requester } from "../record.ts";
import type { RepairDecision } from "../service.ts";

/** Who rejects what was approved too late: the desk, where files or the commit have changed since the plan was made. Nobody else has that name. */
export const OUTDATED_BY = "orco";
/** Compared with where there is nothing to compare with: it takes as long. */
const NOBODY = "0".repeat(64);

export interface ApproverCheck {
  /** Of the project; none: an approver's word is taken for who they are. */
  readonly approvers: readonly Approver[];
  /** Who may approve; anybody when empty. */
  readonly roles: readonly string[];
  /** Who asked for the run, and for those that it retries. */
  readonly requesters: readonly Requester[];
  readonly decision: Pick<RepairDecision, "approver" | "decision" | "token">;
  readonly selfApproval: boolean;
}

/**
 * Who decides, with the role that their token proves. Throws `approval_denied`: no or a wrong token where approvers are listed (never which of id and token
 * it was, and in the same time), another role than those that may, or whoever asked for the run approves it.
 */
export function checkApprover({ approvers, roles, requesters, decision, selfApproval }: ApproverCheck): Requester {
  const approver = approvers.length === 0 ? decision.approver : proven(approvers, decision);
  const { id, role } = approver;
  if (isSamePerson(id, OUTDATED_BY)) throw denied(`${OUTDATED_BY} decides nothing: say who you are`);
  if (roles.length > 0 && (role === undefined || !roles.includes(role)))
    throw denied(`only ${roles.join(" or ")} may decide this run; you are ${role === undefined ? "without a role" : role}`);
  if (decision.decision === "approve" && !selfApproval && requesters.some((one) => isSamePerson(id, one.id)))
    throw denied("whoever asked for a run does not approve it: let somebody else look at it, or set self_approval in orco.repair.yaml");
  return { id, ...(role !== undefined && { role }) };
}

function proven(approvers: readonly Approver[], { approver, token }: ApproverCheck["decision"]): Requester {
  if (token === undefined || token === "") throw denied("this project lists its approvers: send the token that proves who you are");
  const offered = createHash("sha256").update(token).digest();
  const fitting = approvers.filter(({ id, tokenSha256 }) => isSame(offered, tokenSha256) && id === approver.id);
  // Somebody may be listed with several roles: the one they ask for, if it is theirs.
  const found = fitting.find(({ role }) => role === approver.role) ?? fitting[0];
  if (!found) throw denied("id and token are not those of an approver of this project");
  return { id: found.id, role: found.role };
}

function isSame(offered: Buffer, hash: string | undefined): boolean {
  const wanted = Buffer.from(hash ?? NOBODY, "hex");
  return wanted.length === offered.length && timingSafeEqual(wanted, offered) && hash !== undefined;
}

/** However they write themselves. */
function isSamePerson(one: string, other: string): boolean {
  return plain(one) === plain(other);
}

function plain(id: string): string {
  // What was left out may have kept apart what belongs together.
  return withoutUnseen(id.normalize("NFKC")).normalize("NFKC").trim().toLowerCase();
}

function denied(message: string): OrcoError {
  return new OrcoError("approval_denied", message);
}
