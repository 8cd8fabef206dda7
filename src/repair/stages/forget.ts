import { removeFolder } from "../folder.ts";
import type { RepairJob } from "../job.ts";

/**
 * What only a run under way needs goes: its trial image, and where nothing can be rolled back any more its folder and the image that served before. Those of
 * one that is about to succeed stay until its run is over (`desk.ts`): it may be told to end even now.
 */
export async function forgetStage(job: RepairJob, { keepRollback }: { keepRollback: boolean }): Promise<null> {
  const never = new AbortController();
  try {
    const { target } = await job.open(never.signal);
    await target.forget(job.record.before, keepRollback);
  } catch (error) {
    // Docker may be away just now: images that nobody names are all that stays.
    job.host.onError(error);
  }
  if (!keepRollback) removeFolder(job.folder);
  return null;
}
