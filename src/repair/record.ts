import type { Finding } from "./finding.ts";
import type { ActionPlan } from "./plan.ts";
import type { Before } from "./target.ts";

export const STEP_NAMES = ["analyze", "patch", "build", "restart", "verify", "rollback"] as const;
export type StepName = (typeof STEP_NAMES)[number];

export const STEP_STATUSES = ["pending", "in_progress", "succeeded", "failed", "skipped"] as const;
export type RepairStepStatus = (typeof STEP_STATUSES)[number];

export const REPAIR_STATUSES = [
  "queued",
  "running",
  "awaiting_approval",
  "succeeded",
  "failed",
  "rolled_back",
  "rollback_failed",
  "rejected",
  "canceled",
] as const;
/**
 *   queued ─▶ running ─▶ succeeded | failed | canceled            nothing was changed, or it is repaired
 *               │  ├───▶ rolled_back | rollback_failed | canceled     undone after the patch
 *               ▼  │
 *       awaiting_approval ─▶ rejected | failed (plan outdated) | canceled
 */
export type RepairStatus = (typeof REPAIR_STATUSES)[number];

export const APPROVAL_STATUSES = ["not_required", "awaiting", "granted", "rejected", "expired"] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

export interface Requester {
  readonly id: string;
  readonly role?: string;
}

/** One step as it is stored. Times are epoch ms. */
export interface StepRecord {
  readonly status: RepairStepStatus;
  readonly startedAt?: number;
  readonly completedAt?: number;
  /** Counts up when a daemon that died left it half-done. */
  readonly attempt: number;
  readonly message?: string;
  /** Names of artifacts. */
  readonly artifacts: readonly string[];
}

export interface ApprovalRecord {
  readonly status: ApprovalStatus;
  /** There is a plan, and it waits for somebody. Before, `awaiting` says that it will. */
  readonly asked?: boolean;
  /** Why one is needed, each a sentence; empty: none is. */
  readonly reasons: readonly string[];
  readonly roles: readonly string[];
  readonly expiresAt?: number;
  readonly by?: Requester;
  readonly comment?: string;
  readonly at?: number;
}

/** What is known of a repair beside its row in `runs`: plain JSON in `repairs.row`. Written by `book.ts` only. Times are epoch ms. */
export interface RepairRecord {
  readonly id: string;
  /** `project/service`: one repair of it at a time. */
  readonly lane: string;
  readonly kind: "compose" | "stack";
  readonly project: string;
  readonly workspace: string;
  readonly service: string;
  readonly instruction: string;
  readonly priority: "normal" | "high";
  readonly requestedBy: Requester;
  readonly trigger: "api" | "crash_loop" | "ci";
  /** Nothing is changed before somebody approved, whoever is protected. */
  readonly propose: boolean;
  readonly dryRun: boolean;
  /** Name of the artifact that holds the logs of the request. */
  readonly givenLogs?: string;
  readonly givenPlan?: ActionPlan;
  readonly retryOf?: string;
  /** Whoever asked for the runs that this one retries, oldest first: it is theirs as well. */
  readonly formerRequesters?: readonly Requester[];
  /** 1 for a first try. */
  readonly attempt: number;
  /** Steps before it are taken over from `retryOf`. */
  readonly resumeFrom?: StepName;
  readonly queuedAt: number;
  readonly finding?: Finding;
  /** The strictest of all faults that the plan mends; `finding` is the first of them. */
  readonly verdict?: "fix" | "approve";
  readonly plan?: ActionPlan;
  readonly planHash?: string;
  readonly approval: ApprovalRecord;
  readonly steps: Readonly<Record<StepName, StepRecord>>;
  readonly before?: Before;
  /** Files are being, or have been, changed. */
  readonly patchedAt?: number;
  /** Why it ended as it did, where it did not succeed. */
  readonly outcome?: { readonly code: string; readonly message: string };
  /** What a rollback came to; absent: none was begun, or it is not over. */
  readonly rollback?: "done" | "failed" | "not_needed";
  /** What stands on the branch and in the pull request. */
  readonly published?: { readonly branch: string; readonly commit: string; readonly pullRequest?: string };
}
