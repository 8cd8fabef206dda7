import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json, JsonObject } from "../kernel/event.ts";
import type { RunContext, Workflow } from "../workflow/define.ts";
import { OUTDATED_BY } from "./approval/approver.ts";
import { APPROVAL_STEP, contentToApprove } from "./approval/content.ts";
import { lapsed } from "./approval/lapsed.ts";
import type { RepairHost } from "./host.ts";
import { RepairJob } from "./job.ts";
import { diffOf } from "./plan.ts";
import { analyzeStage, type Planned } from "./stages/analyze.ts";
import { buildStage } from "./stages/build.ts";
import { forgetStage } from "./stages/forget.ts";
import { patchStage } from "./stages/patch.ts";
import { publishStage } from "./stages/publish.ts";
import { restartStage } from "./stages/restart.ts";
import { rollbackStage } from "./stages/rollback.ts";
import { verifyStage } from "./stages/verify.ts";

const ANALYZE_TIMEOUT_MS = 60 * 60_000;
/** Longest that putting everything back may take: it may have to build again. */
const ROLLBACK_TIMEOUT_MS = 30 * 60_000;

/**
 * A fault of a service is found and mended (repair.md): analyze → approval? → patch → build → restart → verify → publish?. Whatever fails after the
 * patch has begun is undone by one undo, which puts back files, image and container in this order and looks whether they serve again.
 */
export function repairWorkflow(host: RepairHost): Workflow {
  return async (context) => {
    const job = new RepairJob(host, context.id);
    try {
      const planned = (await context.step("analyze", (signal) => analyzeStage(job, signal) as Promise<unknown> as Promise<Json>, {
        timeoutMs: ANALYZE_TIMEOUT_MS,
      })) as unknown as Planned;
      if (planned.stop) throw new OrcoError(planned.stop.code, planned.stop.message, { run: context.id });
      if (job.record.dryRun) return await dryRunEnds(job);
      await approve(context, job, planned);
      await change(context, job);
      await context.step("publish", (signal) => publishStage(job, signal));
      await context.step("forget", () => forgetStage(job, { keepRollback: true }));
      return result(job);
    } catch (error) {
      if (!host.isLeaving()) await noteFailure(job, error);
      throw error;
    }
  };
}

async function change(context: RunContext, job: RepairJob): Promise<void> {
  await context.step("patch", (signal) => patchStage(job, signal).then(() => null), {
    undo: (_, signal) => rollbackStage(job, signal),
    undoTimeoutMs: ROLLBACK_TIMEOUT_MS,
  });
  await context.step("build", (signal) => buildStage(job, signal).then(() => null));
  await context.step("restart", (signal) => restartStage(job, signal).then(() => null));
  await context.step("verify", (signal) => verifyStage(job, signal).then(() => null));
  await job.skipRest("not needed");
}

async function approve(context: RunContext, job: RepairJob, { need }: Planned): Promise<void> {
  const { plan, planHash = "", finding, service } = job.record;
  if (!need.required || !plan) return;
  const content = contentToApprove({ plan, planHash, diff: diffOf(plan) });
  const summary = `repair ${service}: ${finding?.cause ?? "an operator's plan"} (${need.reasons.join("; ")})`;
  const approval = await context.approval(APPROVAL_STEP, { summary, content, expiresMs: need.expiresMs });
  await job.host.book.change(job.id, ({ approval: asked }) =>
    asked.status === "granted"
      ? undefined
      : {
          approval: {
            ...asked,
            status: "granted",
            by: approval.approver,
            at: approval.at,
            ...(approval.comment !== undefined && { comment: approval.comment }),
          },
        },
  );
}

async function dryRunEnds(job: RepairJob): Promise<Json> {
  await job.skipRest("dry run");
  await forgetStage(job, { keepRollback: false });
  return result(job);
}

function result({ record }: RepairJob): Json {
  const { finding, plan, service, published } = record;
  return {
    service,
    ...(finding && { cause: finding.cause, signature: finding.signature }),
    files: (plan?.files ?? []).map(({ path }) => path),
    ...(published && { branch: published.branch, commit: published.commit, pull_request: published.pullRequest ?? null }),
  };
}

/** What the run ended with, in the words of the wire. What is to be undone is told by the rollback. */
async function noteFailure(job: RepairJob, error: unknown): Promise<void> {
  const failure = outcomeOf(error);
  const { code } = failure;
  await job.host.book.change(job.id, ({ approval, outcome = toldOf(failure) }) => ({
    outcome,
    ...(approval.status === "awaiting" && { approval: { ...approval, ...lapsed(approval, failure) } }),
  }));
  if (job.record.patchedAt !== undefined) return;
  await job.skipRest(code === "cancelled" ? "canceled" : "not come to");
  await forgetStage(job, { keepRollback: false });
}

function outcomeOf(error: unknown): { readonly code: string; readonly message: string; readonly facts?: JsonObject } {
  if (!(error instanceof OrcoError)) return { code: "internal", message: messageOf(error) };
  const { code, message } = error;
  const facts = error.facts as JsonObject;
  const hasExpired = code === "approval_denied" && facts["expired"] === true;
  return { code, message: hasExpired ? `${message} (expired)` : message, facts };
}

/** The desk rejects a plan that is outdated, and says why. */
function toldOf({ code, message, facts }: ReturnType<typeof outcomeOf>): { code: string; message: string } {
  if (code !== "approval_denied" || facts?.["approver"] !== OUTDATED_BY) return { code, message };
  const { comment } = facts;
  return { code: "plan_outdated", message: typeof comment === "string" ? comment : "the plan is outdated" };
}
