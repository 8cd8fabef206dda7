import { createHash } from "node:crypto";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { uuidv7 } from "../kernel/id.ts";
import { rfc3339 } from "../kernel/rfc3339.ts";
import { type ActionPlan, planHash } from "../repair/plan.ts";
import { STEP_NAMES } from "../repair/record.ts";
import type { RepairService } from "../repair/service.ts";
import type { ProjectView, RunDetail, RunSummary } from "../repair/view.ts";

export const DIFF =
  "diff --git a/api/requirements.txt b/api/requirements.txt\n--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1,2 @@\n flask\n+PyYAML\n";
const AT = "2026-01-01T00:00:00.000Z";

export const PLAN: ActionPlan = {
  version: 1,
  plan_id: "p1",
  generated_at: AT,
  generated_by: "rules",
  target: { service: "api", compose_file: "/srv/shop/compose.yaml", project: "shop", workspace: "/srv/shop", base_commit: null },
  finding: null,
  files: [{ path: "api/requirements.txt", pre_sha256: "a".repeat(64), post_sha256: null }],
  steps: [
    { name: "analyze", parameters: {} },
    { name: "patch", parameters: { diff: DIFF } },
    { name: "build", parameters: {} },
  ],
};

/** A repair with every field that it can have. */
function repairDetail(given: Partial<RunDetail> = {}): RunDetail {
  return {
    run_id: "01a20038-8fce-701b-9da7-d87171687a66",
    status: "awaiting_approval",
    priority: "normal",
    target_service: "api",
    project: "shop",
    instruction: "fix it",
    queued_at: AT,
    started_at: AT,
    completed_at: null,
    approval_required: true,
    approval_status: "awaiting",
    dry_run: false,
    requested_by: { id: "alice", role: "dev" },
    trigger: "api",
    attempt: 1,
    retry_of: null,
    error: null,
    plan_summary: "python-module-missing:yaml: api/requirements.txt",
    finding: {
      entry: 1,
      signature: "python-module-missing:yaml",
      cause: "the module yaml is not installed",
      evidence: ["container:12: ModuleNotFoundError: No module named 'yaml'"],
      confidence: 0.95,
      verdict: "fix",
      remedy: "PyYAML is added to api/requirements.txt",
    },
    action_plan: PLAN,
    plan_hash: planHash(PLAN),
    steps: STEP_NAMES.map((name) => ({
      name,
      status: name === "analyze" ? "succeeded" : "pending",
      started_at: name === "analyze" ? AT : null,
      completed_at: name === "analyze" ? AT : null,
      attempt: name === "analyze" ? 1 : 0,
      message: name === "analyze" ? "found" : null,
      artifact_refs: name === "analyze" ? ["analyze.log"] : [],
    })),
    artifacts: [{ name: "patch.diff", type: "diff", sha256: sha256(DIFF), size_bytes: Buffer.byteLength(DIFF), created_at: AT }],
    approval: {
      required: true,
      status: "awaiting",
      reasons: ["api is protected"],
      roles: ["owner"],
      expires_at: AT,
      approver: null,
      comment: null,
      decided_at: null,
    },
    published: { branch: "orco/repair-1", commit: "c".repeat(40), pull_request: null },
    ...given,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

const SHOP: ProjectView = {
  name: "shop",
  workspace: "/srv/shop",
  compose_file: "/srv/shop/compose.yaml",
  configured: false,
  services: [{ name: "api", protected: true, buildable: true, repair: "off" }],
  warnings: [],
  error: null,
};

/** For tests of HTTP: repairs that only remember what was asked of them. */
export class FakeRepairs implements RepairService {
  readonly calls: { readonly of: string; readonly with: unknown }[] = [];
  readonly saved = new Map<string, RunDetail>();
  readonly known = new Map([[SHOP.workspace, SHOP]]);
  /** What the next call is refused with. */
  refusal: OrcoError | undefined;

  constructor(private readonly clock: Clock) {}

  readonly create: RepairService["create"] = async (request, id = uuidv7(this.clock)) => {
    this.called("create", { ...request, id });
    const known = this.saved.get(id);
    return summaryOf(
      known ??
        this.save({
          run_id: id,
          status: "queued",
          instruction: request.instruction,
          target_service: request.targetService,
          requested_by: request.requestedBy,
          dry_run: request.dryRun,
        }),
    );
  };

  readonly list: RepairService["list"] = (query) => {
    this.called("list", query);
    const { status, service, before, limit } = query;
    const runs = [...this.saved.values()]
      .toReversed()
      .filter((run) => (status === undefined || run.status === status) && (service === undefined || run.target_service === service))
      .filter(({ run_id: id }) => before === undefined || id < before)
      .map(summaryOf);
    const [page, last] = [runs.slice(0, limit), runs[limit - 1]];
    return { runs: page, ...(last && runs.length > limit && { before: last.run_id }) };
  };

  readonly get: RepairService["get"] = async (id) => this.find(id);
  readonly artifacts: RepairService["artifacts"] = async (id) => this.find(id).artifacts;

  readonly artifact: RepairService["artifact"] = async (id, name) => {
    const artifact = this.find(id).artifacts.find((one) => one.name === name);
    if (!artifact) throw new OrcoError("not_found", `the run has no artifact ${JSON.stringify(name)}`);
    return { artifact, body: new Blob([DIFF]).stream() };
  };

  readonly decide: RepairService["decide"] = async (id, decision) => {
    this.called("decide", { id, ...decision });
    return summaryOf(this.save({ ...this.find(id), approval_status: decision.decision === "approve" ? "granted" : "rejected" }));
  };

  readonly retry: RepairService["retry"] = async (id, how, newId = uuidv7(this.clock)) => {
    this.called("retry", { id, ...how });
    return summaryOf(this.save({ ...this.find(id), run_id: newId, retry_of: id, attempt: 2 }));
  };

  readonly cancel: RepairService["cancel"] = async (id) => {
    this.called("cancel", id);
    return summaryOf(this.save({ ...this.find(id), status: "canceled", completed_at: rfc3339(this.clock.now()) }));
  };

  readonly ciFailed: RepairService["ciFailed"] = async (failure, id = uuidv7(this.clock)) => {
    this.called("ciFailed", failure);
    return failure.targetService === "wiki" ? undefined : summaryOf(this.save({ run_id: id, trigger: "ci" }));
  };

  readonly projects: RepairService["projects"] = async () => [...this.known.values()];

  readonly addProject: RepairService["addProject"] = async (workspace) => {
    this.called("addProject", workspace);
    this.known.set(workspace, { ...SHOP, workspace });
    return { ...SHOP, workspace };
  };

  readonly removeProject: RepairService["removeProject"] = async (workspace) => {
    if (!this.known.delete(workspace)) throw new OrcoError("not_found", `no project is in ${workspace}`);
  };

  save(given: Partial<RunDetail>): RunDetail {
    const run = repairDetail({ run_id: uuidv7(this.clock), ...given });
    this.saved.set(run.run_id, run);
    return run;
  }

  private find(id: string): RunDetail {
    const run = this.saved.get(id);
    if (!run) throw new OrcoError("not_found", `there is no repair ${id}`, { run: id });
    return run;
  }

  private called(of: string, given: unknown): void {
    this.calls.push({ of, with: given });
    const refusal = this.refusal;
    this.refusal = undefined;
    if (refusal) throw refusal;
  }
}

function summaryOf(run: RunDetail): RunSummary {
  const { finding: _1, action_plan: _2, plan_hash: _3, steps: _4, artifacts: _5, approval: _6, published: _7, ...summary } = run;
  return summary;
}
