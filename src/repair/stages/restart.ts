import { OrcoError } from "../../kernel/errors.ts";
import type { RepairJob } from "../job.ts";

/** The container is replaced by one of the new image; all others stay. */
export async function restartStage(job: RepairJob, signal: AbortSignal): Promise<void> {
  await job.step("restart", signal, async (work, { target, ref }) => {
    const { before } = job.record;
    if (!before) throw new OrcoError("internal", "nothing is known of what served before");
    await target.restart(before, work);
    return { value: null, message: `${ref.service} runs the new image; all others are as before` };
  });
}
