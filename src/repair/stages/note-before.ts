import type { OpenTarget } from "../host.ts";
import type { RepairJob } from "../job.ts";
import type { Before, Work } from "../target.ts";
import { healthNow } from "../verify/health-now.ts";

/**
 * What serves now, tagged and on disk before anything that it is to undo; the patch may touch what says so. With how the service is just now by its own
 * measures, its health URL among them: a rollback has to bring back no more than that.
 */
export async function noteBefore(job: RepairJob, work: Work, { target, ref, addressOf }: OpenTarget): Promise<Before> {
  const known = job.record.before;
  if (known) return known;
  const recorded = await target.record(work);
  const health = await healthNow({ target, profile: ref.profile, clock: job.host.clock, signal: work.signal, resolve: addressOf });
  const before = { ...recorded, health };
  await job.host.book.change(job.id, () => ({ before }));
  return before;
}
