import { createHash } from "node:crypto";
import { canonical } from "../kernel/canonical.ts";
import { formatSpan } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Json, JsonObject } from "../kernel/event.ts";
import { rfc3339 } from "../kernel/rfc3339.ts";
import type { Approval, ApprovalRequest } from "./define.ts";
import { runError, type StepRow } from "./run.ts";
import type { Answer, WaitCall } from "./waits.ts";

/** What an approver sends. */
export interface Decision {
  /** Needed only where several steps wait for an approval. */
  readonly step?: string;
  readonly decision: "approve" | "reject";
  readonly approver: { readonly id: string; readonly role?: string };
  readonly comment?: string;
  /** Of the content the approver has seen. */
  readonly content_hash?: string;
}

/** SHA-256 over the canonical JSON of what is approved, in hex. */
export function contentHash(content: JsonObject): string {
  return createHash("sha256").update(canonical(content)).digest("hex");
}

/** The wait behind an approval. `run` and `step` go into the errors. */
export function approvalCall(request: ApprovalRequest, about: { run: string; step: string }, signal: AbortSignal): WaitCall {
  const hash = contentHash(request.content);
  const { summary, content, roles, expiresMs } = request;
  return {
    wait: { kind: "approval", summary, content, contentHash: hash, ...(roles && { roles }) },
    timeoutMs: expiresMs,
    signal,
    settle: (value) => verdict(value as unknown as Approval, hash, about),
    expired: () =>
      new OrcoError("approval_denied", `nobody approved ${about.step} within ${formatSpan(expiresMs)}`, { ...about, expired: true }),
  };
}

/** What a decision makes of the step. A decision about other content than is asked for now is void, and the step fails: nobody agreed to this. */
export function verdict(approval: Approval, hash: string, about: { run: string; step: string }): Answer {
  const { approver, comment, decision, at } = approval;
  const said = `${decision === "approve" ? "approved" : "rejected"} by ${approver.id}${comment === undefined ? "" : `: ${comment}`}`;
  const result = approval as unknown as Json;
  if (approval.content_hash !== hash) {
    const error = new OrcoError("approval_void", `${about.step} was ${said}, but asks for something else now`, {
      ...about,
      content_hash: hash,
      decided: approval.content_hash,
    });
    return { event: "fail", change: { error: runError(error), detail: error.message } };
  }
  if (decision === "approve") return { event: "finish", change: { result, detail: said } };
  const facts = {
    ...about,
    approver: approver.id,
    ...(approver.role !== undefined && { approver_role: approver.role }),
    decided_at: rfc3339(at),
    ...(comment !== undefined && { comment }),
  };
  const error = runError(new OrcoError("approval_denied", `${about.step} was ${said}`, facts));
  return { event: "fail", change: { result, detail: said, error } };
}

/**
 * The step that a decision is about. `approval_not_applicable` when none (or not that one) waits, `invalid` when several wait and none is named,
 * `approval_void` when the content has changed since it was looked at, `forbidden` for the wrong role.
 */
export function stepToDecide(run: string, waiting: readonly StepRow[], { step, approver, content_hash: hash }: Decision): StepRow {
  const found = waiting.filter(({ name, waiting: wait }) => wait?.kind === "approval" && (step === undefined || name === step));
  const [row, second] = found;
  if (!row)
    throw new OrcoError("approval_not_applicable", `run ${run} waits for no approval${step === undefined ? "" : ` of ${step}`}`, { run });
  if (second) {
    const steps = found.map(({ name }) => name);
    throw new OrcoError("invalid", `several steps of run ${run} wait for an approval: say which`, { run, steps });
  }
  const { contentHash: current = "", roles } = row.waiting ?? {};
  if (hash !== undefined && hash !== current)
    throw new OrcoError("approval_void", `${row.name} of run ${run} is not what you have seen: look at it again`, {
      run,
      content_hash: current,
    });
  if (roles && (approver.role === undefined || !roles.includes(approver.role))) throw notOneOf(roles, approver, { run, step: row.name });
  return row;
}

function notOneOf(roles: readonly string[], { id, role }: Decision["approver"], about: { run: string; step: string }): OrcoError {
  const you = role === undefined ? `${id}, without a role` : `${id}, ${role}`;
  return new OrcoError("forbidden", `only ${roles.join(" or ") || "nobody"} may decide ${about.step} of run ${about.run}; you are ${you}`, {
    ...about,
    roles,
  });
}
