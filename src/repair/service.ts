import type { RepairStatus, Requester, StepName } from "./record.ts";
import type { ProjectView, RepairArtifact, RunDetail, RunSummary } from "./view.ts";

export interface NewRepair {
  readonly instruction: string;
  /** `service` or `project/service`. */
  readonly targetService: string;
  readonly priority: "normal" | "high";
  readonly requestedBy: Requester;
  readonly dryRun: boolean;
  /** Checked by `repair/plan.ts`. */
  readonly plan?: unknown;
  readonly logs?: string;
}

export interface RepairDecision {
  readonly approver: Requester;
  readonly decision: "approve" | "reject";
  readonly comment?: string;
  readonly token?: string;
  readonly planHash?: string;
}

export interface RepairQuery {
  readonly status?: RepairStatus;
  readonly service?: string;
  readonly limit: number;
  /** Strictly older than this run. */
  readonly before?: string;
}

export interface RepairPage {
  readonly runs: readonly RunSummary[];
  /** Where the next page begins, of which this one says nothing: it may be there though this one is short. Absent: this is the last. */
  readonly before?: string;
}

export interface CiFailure {
  readonly targetService: string;
  readonly logs: string;
  readonly url?: string;
  readonly requestedBy: Requester;
}

/** Repairs to the outside. All throw `OrcoError`. */
export interface RepairService {
  /**
   * `invalid_instruction`, `unknown_service`, `ambiguous_service`, `docker_unavailable`, `compose_invalid`, `compose_refused`, `self_repair`,
   * `invalid`, `patch_refused`, `plan_outdated` (an operator's plan). `id`: the id it has to have (Idempotency-Key).
   */
  readonly create: (request: NewRepair, id?: string) => Promise<RunSummary>;
  /** Newest first. */
  readonly list: (query: RepairQuery) => RepairPage;
  /** `not_found`. */
  readonly get: (id: string) => Promise<RunDetail>;
  readonly artifacts: (id: string) => Promise<readonly RepairArtifact[]>;
  /** `not_found`. */
  readonly artifact: (
    id: string,
    name: string,
  ) => Promise<{ readonly artifact: RepairArtifact; readonly body: ReadableStream<Uint8Array> }>;
  /** `not_found`, `approval_not_applicable`, `approval_denied`, `approval_void`. */
  readonly decide: (id: string, decision: RepairDecision) => Promise<RunSummary>;
  /** `not_found`, `conflict`. */
  readonly retry: (
    id: string,
    how: { readonly from?: StepName; readonly reason?: string; readonly requestedBy: Requester },
    newId?: string,
  ) => Promise<RunSummary>;
  /** `not_found`, `conflict` when it has ended. Resolves when it has ended, undone. */
  readonly cancel: (id: string) => Promise<RunSummary>;
  /** A build failed elsewhere; undefined where the service's profile does not ask for repairs. */
  readonly ciFailed: (failure: CiFailure, id?: string) => Promise<RunSummary | undefined>;
  readonly projects: () => Promise<readonly ProjectView[]>;
  /** `invalid`, `compose_invalid`, `self_repair`, `conflict` for a project of that name elsewhere. */
  readonly addProject: (workspace: string, by?: string) => Promise<ProjectView>;
  /** `not_found`, `conflict` for one of ORCO_REPAIR_WORKSPACE. */
  readonly removeProject: (workspace: string, by?: string) => Promise<void>;
}
