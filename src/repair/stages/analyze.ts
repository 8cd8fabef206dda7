import { join } from "node:path";
import { uuidv7 } from "../../kernel/id.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";
import { analyze, type Analysis } from "../analyze.ts";
import type { ApprovalNeed } from "../approval/need.ts";
import { removeCopy } from "../copy/make-copy.ts";
import { readLog } from "../evidence/read-log.ts";
import type { OpenTarget } from "../host.ts";
import type { RepairJob } from "../job.ts";
import { diffOfChanges } from "../patch/diff.ts";
import { baseCommit } from "../patch/pre-images.ts";
import { hashOf } from "../patch/planned.ts";
import { decidePatch } from "../patch/policy.ts";
import type { ActionPlan } from "../plan.ts";
import type { RepairRecord } from "../record.ts";
import type { Work } from "../target.ts";
import { keepPlan } from "./keep-plan.ts";
import { rulesFor } from "./permit.ts";
import { reportText, unknownText } from "./stop-text.ts";

/** What analysis comes to; journaled. */
export interface Planned {
  /** Why the run ends here. */
  readonly stop: { readonly code: "nothing_to_repair" | "report_only"; readonly message: string } | null;
  readonly need: ApprovalNeed;
}

const NO_NEED: ApprovalNeed = { required: false, reasons: [], roles: [], expiresMs: 0 };

/** Finds the plan, or takes over the one that is given or was made by the run that is retried; says who has to agree to it. */
export async function analyzeStage(job: RepairJob, signal: AbortSignal): Promise<Planned> {
  const { givenPlan, plan, retryOf, resumeFrom = "analyze" } = job.record;
  if (resumeFrom !== "analyze" && plan) return takeOver(job, plan, { signal, why: `taken over from run ${retryOf ?? ""}` });
  if (givenPlan) return takeOver(job, givenPlan, { signal, why: "an operator's plan" });
  const planned = await job.step<Planned>("analyze", signal, async (work, opened) => {
    const analysis = await analysisOf(job, opened, work);
    const { finding } = analysis;
    if (finding) await job.host.book.change(job.id, () => ({ finding, verdict: analysis.verdict }));
    const stop = stopOf(analysis, opened);
    if (stop) return { value: { stop, need: NO_NEED }, message: stop.message };
    const need = await keepPlan(job, opened, { plan: await planOf(job, opened, analysis), verdict: analysis.verdict });
    return { value: { stop: null, need }, message: `${finding?.cause ?? "the planner has a proposal"}: ${finding?.remedy ?? ""}` };
  });
  if (!planned.stop) await ask(job, planned.need);
  return planned;
}

async function takeOver(job: RepairJob, plan: ActionPlan, { signal, why }: { signal: AbortSignal; why: string }): Promise<Planned> {
  const opened = await job.open(signal);
  const base = await baseCommit(job.record.workspace);
  // Whoever retries after a commit of their own means the same change to what is there now: hashes still decide.
  const current = { ...plan, target: { ...plan.target, base_commit: base } };
  await job.skip("analyze", why);
  const need = await keepPlan(job, opened, { plan: current, verdict: verdictOf(job.record) });
  await ask(job, need);
  return { stop: null, need };
}

/** Of a plan that is taken over. */
function verdictOf({ finding, verdict }: RepairRecord): "fix" | "approve" | null {
  if (!finding) return null;
  return verdict === "approve" || finding.verdict === "approve" ? "approve" : "fix";
}

async function analysisOf(job: RepairJob, opened: OpenTarget, work: Work): Promise<Analysis> {
  const { service, workspace, instruction, givenLogs } = job.record;
  const { target, config, redactor, tools } = opened;
  const given = givenLogs === undefined ? undefined : await readLog(await bytesOf(job, givenLogs));
  const rules = rulesFor(opened, { workspace, hasApproval: true });
  const planner = job.host.planner?.(redactor.clean);
  const root = join(job.folder, "copy");
  await removeCopy({ root });
  const about = { service, workspace, config, target, tools, instruction, work, clock: job.host.clock, mask: redactor.clean };
  return analyze({
    ...about,
    ...(given && { given }),
    ...(planner && { planner }),
    allow: (path) => decidePatch([{ path, before: "a\n", after: "b\n" }], rules).length === 0,
    root,
  });
}

async function bytesOf(job: RepairJob, name: string): Promise<ReadableStream<Uint8Array>> {
  return (await job.host.files.open(job.id, name)).body;
}

/** Undefined: there is a plan. Throws `no_known_cause`. */
function stopOf({ outcome, finding, findings, evidence, hasContainer }: Analysis, opened: OpenTarget): Planned["stop"] | undefined {
  switch (outcome) {
    case "plan":
      return undefined;
    case "nothing":
      return { code: "nothing_to_repair", message: nothingText(opened, hasContainer) };
    case "report":
    case "retry":
      return { code: "report_only", message: reportText(finding, findings) };
    case "unknown":
      throw new OrcoError("no_known_cause", unknownText(findings, evidence), { evidence: evidence.slice(-10) });
  }
}

/** Only what was looked at is said. */
function nothingText({ config, ref, target }: OpenTarget, hasContainer: boolean): string {
  const builds = config.build === undefined ? [] : ["it builds"];
  if (hasContainer) return `${[...builds, "it runs", "and no log says otherwise"].join(", ")}: there is nothing to repair`;
  const start = target.kind === "compose" ? `docker compose up -d ${ref.service}` : "orco up";
  const known = config.build === undefined ? "its image is not built here" : "it builds";
  return `${known}, and it has no container that a log could come from: there is nothing to repair; start it: ${start}`;
}

async function planOf(job: RepairJob, { ref }: OpenTarget, { changes, finding, by }: Analysis): Promise<ActionPlan> {
  const { clock } = job.host;
  const { project, service } = ref;
  return {
    version: 1,
    plan_id: uuidv7(clock),
    generated_at: rfc3339(clock.now()),
    generated_by: by,
    target: {
      service,
      compose_file: project.composeFile,
      project: project.name,
      workspace: project.workspace,
      base_commit: await baseCommit(project.workspace),
    },
    finding: finding && { ...finding, evidence: [...finding.evidence] },
    files: changes.map(({ path, before, after }) => ({ path, pre_sha256: hashOf(before), post_sha256: hashOf(after) })),
    steps: [
      { name: "analyze", parameters: {} },
      { name: "patch", parameters: { diff: diffOfChanges(changes) } },
      { name: "build", parameters: {} },
      { name: "restart", parameters: {} },
      { name: "verify", parameters: {} },
      { name: "rollback", parameters: {} },
    ],
  };
}

async function ask(job: RepairJob, { required, reasons, roles, expiresMs }: ApprovalNeed): Promise<void> {
  if (!required || job.record.dryRun) return;
  const expiresAt = job.host.clock.now() + expiresMs;
  await job.host.book.change(job.id, () => ({ approval: { status: "awaiting", asked: true, reasons, roles, expiresAt } }));
}
