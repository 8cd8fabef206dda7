import { OrcoError } from "../../kernel/errors.ts";
import { formatSpan } from "../../kernel/duration.ts";
import type { RepairJob } from "../job.ts";
import { noteBefore } from "./note-before.ts";

/** Notes and tags what serves now, then builds under the name that the operator's file reads. */
export async function buildStage(job: RepairJob, signal: AbortSignal): Promise<void> {
  await job.step("build", signal, async (work, opened) => {
    const { target, ref } = opened;
    const before = await noteBefore(job, work, opened);
    // A plan without a patch begins to change things here.
    await job.host.book.change(job.id, ({ patchedAt }) => (patchedAt === undefined ? { patchedAt: job.host.clock.now() } : undefined));
    const { ok, exit, timedOut } = await target.build(work);
    const { buildTimeoutMs } = ref.profile;
    if (timedOut)
      throw new OrcoError(
        "timeout",
        `the build took longer than ${formatSpan(buildTimeoutMs)}; build_timeout in orco.repair.yaml allows more`,
      );
    if (!ok)
      throw new OrcoError("build_failed", `the build of ${ref.service} ended with ${exit ?? "a signal"}; build.log has its words`, {
        exit,
      });
    return { value: null, message: `built ${before.imageName ?? ref.service}` };
  });
}
