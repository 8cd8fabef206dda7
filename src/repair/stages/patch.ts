import { join } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import type { RepairJob } from "../job.ts";
import { diffOf } from "../plan.ts";
import { applyChanges, revertChanges } from "../patch/apply.ts";
import { plannedChanges } from "../patch/planned.ts";
import { baseCommit } from "../patch/pre-images.ts";
import { noteBefore } from "./note-before.ts";

/** Where the pre-images of a run lie until it has ended. */
export function keepOf(job: RepairJob): string {
  return join(job.folder, "pre");
}

/**
 * The plan's diff, written: what was approved, or nothing. The files are looked at once more, on the descriptors that are written to; where anything is
 * not as the plan says the run ends with `plan_outdated`, and nothing is written.
 */
export async function patchStage(job: RepairJob, signal: AbortSignal): Promise<void> {
  const { plan } = job.record;
  if (!plan || diffOf(plan) === "") return job.skip("patch", "the plan changes no file");
  await job.step("patch", signal, async (work, opened) => {
    const { workspace } = opened.ref.project;
    const commit = await baseCommit(workspace);
    if (commit !== plan.target.base_commit)
      throw new OrcoError(
        "plan_outdated",
        `the workspace is at commit ${commit ?? "none"} now, the plan was made at ${plan.target.base_commit ?? "none"}`,
      );
    // What a daemon that died wrote is taken back first.
    const strange = await revertChanges({ workspace, keep: keepOf(job) });
    if (strange.length > 0)
      throw new OrcoError("plan_outdated", `${strange.join(", ")} changed while the patch was written`, { files: strange });
    const changes = plannedChanges(workspace, plan);
    await noteBefore(job, work, opened);
    // Known before the first byte is written: from here on there is something to undo.
    await job.host.book.change(job.id, ({ patchedAt = job.host.clock.now() }) => ({ patchedAt }));
    try {
      // Who was told to end and is waited for no more writes nothing behind its rollback's back.
      signal.throwIfAborted();
      await applyChanges({ workspace, changes, keep: keepOf(job) });
    } catch (error) {
      if ((await revertChanges({ workspace, keep: keepOf(job) })).length === 0)
        await job.host.book.change(job.id, () => ({ patchedAt: undefined }) as unknown as { patchedAt: number });
      throw error;
    }
    const files = plan.files.map(({ path }) => path);
    work.onLine(`patched ${files.join(", ")}`);
    return { value: null, message: `patched ${files.join(", ")}` };
  });
}
