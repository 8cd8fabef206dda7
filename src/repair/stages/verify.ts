import { OrcoError } from "../../kernel/errors.ts";
import type { RepairJob } from "../job.ts";
import { verify } from "../verify/verify.ts";

/** Whether it serves: fails with `verify_failed`, and all is undone. */
export async function verifyStage(job: RepairJob, signal: AbortSignal): Promise<void> {
  await job.step("verify", signal, async (work, { target, ref, addressOf }) => {
    const { clock } = job.host;
    const { finding = null } = job.record;
    const { ok, message } = await verify({ target, profile: ref.profile, finding, clock, resolve: addressOf, ...work });
    if (!ok) throw new OrcoError("verify_failed", message);
    return { value: null, message };
  });
}
