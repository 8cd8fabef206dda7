import { OrcoError } from "../../kernel/errors.ts";
import { approvalNeed, type ApprovalNeed } from "../approval/need.ts";
import { breakerTrips } from "../approval/breaker.ts";
import { baseImages } from "../copy/distributions.ts";
import { buildPlaces } from "../copy/snapshot-of.ts";
import type { Verdict } from "../finding.ts";
import type { OpenTarget } from "../host.ts";
import type { RepairJob } from "../job.ts";
import { type FileChange, patchRefused } from "../patch/change.ts";
import { dirtyFiles } from "../patch/pre-images.ts";
import { changesNow, textIn } from "../patch/planned.ts";
import { approvalReasons, type PatchRules, patchRules } from "../patch/policy.ts";
import { type ActionPlan, diffOf } from "../plan.ts";
import { decidePlan } from "../plan-policy.ts";

/** What a patch of this service may do. */
export function rulesFor(
  { config, ref, secrets, others }: OpenTarget,
  { workspace, hasApproval }: { workspace: string; hasApproval: boolean },
): PatchRules {
  const places = buildPlaces(workspace, config);
  return patchRules({
    directory: places?.directory ?? "",
    dockerfile: places?.dockerfile,
    profile: ref.profile,
    hasApproval,
    others,
    secrets,
  });
}

/** Whether somebody has to agree to this plan, and why. */
export async function needOf(
  job: RepairJob,
  opened: OpenTarget,
  { plan, verdict }: { plan: ActionPlan; verdict: Verdict | null },
): Promise<ApprovalNeed> {
  const { book, clock, breakerMs } = job.host;
  const { lane, finding, propose, workspace } = job.record;
  const changes = changesOf(plan, workspace);
  const now = clock.now();
  const former = finding ? book.former(lane, finding.signature, now - breakerMs) : [];
  return approvalNeed({
    profile: opened.ref.profile,
    images: imagesOf(opened, workspace),
    verdict,
    breaker: breakerTrips(former, { now, windowMs: breakerMs }),
    propose,
    opens: approvalReasons(changes, rulesFor(opened, { workspace, hasApproval: true })),
  });
}

/** Before anything of the plan is kept: throws `patch_refused` (facts: errors). */
export function assertPatch(job: RepairJob, opened: OpenTarget, { plan, need }: { plan: ActionPlan; need: ApprovalNeed }): void {
  const { workspace } = job.record;
  const violations = decidePlan(plan, changesOf(plan, workspace), rulesFor(opened, { workspace, hasApproval: need.required }));
  if (violations.length > 0) throw patchRefused(violations);
}

/** Before anything is written: throws `dirty_target` (facts: files). */
export async function assertClean(job: RepairJob, plan: ActionPlan): Promise<void> {
  const { workspace } = job.record;
  const dirty = await dirtyFiles({ workspace, paths: plan.files.map(({ path }) => path), known: job.host.knownHashes(workspace) });
  if (dirty.length === 0) return;
  throw new OrcoError("dirty_target", `${dirty.join(", ")} has changes that are not committed; commit or stash them, then repair again`, {
    files: dirty,
  });
}

function changesOf(plan: ActionPlan, workspace: string): readonly FileChange[] {
  return changesNow(workspace, diffOf(plan));
}

/** Its own, and what it is built on. */
function imagesOf({ config }: OpenTarget, workspace: string): string[] {
  const places = buildPlaces(workspace, config);
  const text = places ? textIn(workspace, places.dockerfile) : null;
  const bases = text === null ? [] : baseImages(text, config.build?.args ?? {});
  return [...(config.image === undefined ? [] : [config.image]), ...bases];
}
