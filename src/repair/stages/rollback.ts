import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { OpenTarget } from "../host.ts";
import type { RepairJob } from "../job.ts";
import { revertChanges } from "../patch/apply.ts";
import type { StepName } from "../record.ts";
import type { Work } from "../target.ts";
import { verify } from "../verify/verify.ts";
import { forgetStage } from "./forget.ts";
import { keepOf } from "./patch.ts";
import { whileDiskIsFull, whileDockerIsAway } from "../patience.ts";

const STAYS_DOWN = "it was taken down meanwhile, and stays down";

/**
 * Everything as it was: files byte for byte, then image and container, then a look whether they serve as they did. Undoes only what was done, and is safe
 * to repeat. Rejects where anything is not as before; the run is `rollback_failed` then. A full disk keeps from noting what is done, and from nothing else.
 */
export async function rollbackStage(job: RepairJob, signal: AbortSignal): Promise<void> {
  const { patchedAt, rollback } = job.record;
  if (patchedAt !== undefined && rollback !== "done") await undo(job, signal);
  await closeCutOff(job);
  if (patchedAt === undefined) await job.host.book.change(job.id, () => ({ rollback: "not_needed" }));
  await job.skipRest("not come to");
  await forgetStage(job, { keepRollback: false });
}

async function undo(job: RepairJob, signal: AbortSignal): Promise<void> {
  const { book, onError, isLeaving } = job.host;
  try {
    const strange = await filesBack(job, signal);
    await closeCutOff(job).catch(onError);
    if (await isUp(job, signal)) await step(job, signal);
    else await downAlready(job, strange, signal);
  } catch (error) {
    if (!isLeaving()) await notAsBefore(job, error, signal);
    throw error;
  }
  await noted(job, signal, async () => {
    await closeCutOff(job);
    await book.change(job.id, () => ({ rollback: "done" }));
  });
}

async function step(job: RepairJob, signal: AbortSignal): Promise<void> {
  await job.step("rollback", signal, async (work, opened) => {
    const { clock } = job.host;
    const onAway = ({ message }: OrcoError): void => work.onLine(`not yet: ${message}`);
    const done = await whileDockerIsAway(() => putBack(job, work, opened), { clock, signal: work.signal, onAway });
    return { value: null, message: done.join("; ") };
  });
}

/** They need no docker, which may be why this is undone, and come first. Resolves with those that somebody else has changed since. */
async function filesBack(job: RepairJob, signal: AbortSignal): Promise<readonly string[]> {
  const { clock, onError } = job.host;
  const back = (): Promise<readonly string[]> => revertChanges({ workspace: job.record.workspace, keep: keepOf(job) });
  return whileDiskIsFull(back, { clock, signal, onAway: onError });
}

/** Whether there is a service to put back: a stack may have been taken down while a former daemon was at this. */
async function isUp(job: RepairJob, signal: AbortSignal): Promise<boolean> {
  const { clock, onError } = job.host;
  try {
    await whileDockerIsAway(() => job.open(signal), { clock, signal, onAway: onError });
    return true;
  } catch (error) {
    if (job.record.kind === "stack" && error instanceof OrcoError && error.code === "unknown_service") return false;
    throw error;
  }
}

async function downAlready(job: RepairJob, strange: readonly string[], signal: AbortSignal): Promise<void> {
  const message = `${filesText(job, strange)}; ${STAYS_DOWN}`;
  await noted(job, signal, () => job.close("rollback", strange.length === 0 ? "succeeded" : "failed", { message }));
  if (strange.length > 0) throw new OrcoError("conflict", message, { files: strange });
}

/** Somebody has to look at it: told in the daemon's log too. */
async function notAsBefore(job: RepairJob, error: unknown, signal: AbortSignal): Promise<void> {
  const { id, project, service } = job.record;
  const text = `repair ${id}: ${project}/${service} could not be rolled back and is not as it was: ${messageOf(error)}; see rollback.log of it`;
  job.host.onError(new OrcoError("internal", text, { run: id }, { cause: error }));
  await noted(job, signal, () => job.host.book.change(id, () => ({ rollback: "failed" }))).catch(job.host.onError);
}

/** As soon as there is room for it. */
async function noted(job: RepairJob, signal: AbortSignal, write: () => Promise<unknown>): Promise<void> {
  const { clock, onError } = job.host;
  await whileDiskIsFull(write, { clock, signal, onAway: onError });
}

async function putBack(job: RepairJob, work: Work, opened: OpenTarget): Promise<string[]> {
  await opened.target.cleanUp(work);
  const strange = await filesBack(job, work.signal);
  const files = filesText(job, strange);
  work.onLine(files);
  // What serves is put back all the same: whoever edits a file does not mean to keep what did not work.
  const { published } = job.record;
  const stays = published ? [`what was published stays: ${published.pullRequest ?? `branch ${published.branch}`}`] : [];
  const done = [files, ...(await imageBack(job, work, opened)), ...stays];
  if (strange.length > 0) throw new OrcoError("conflict", done.join("; "), { files: strange });
  return done;
}

function filesText(job: RepairJob, strange: readonly string[]): string {
  if (strange.length === 0) return "files are as they were";
  return `${strange.join(", ")} changed meanwhile and stays as it is; its text from before is in ${keepOf(job)}`;
}

async function imageBack(job: RepairJob, work: Work, opened: OpenTarget): Promise<string[]> {
  const { before } = job.record;
  const [built, restarted] = [began(job, "build"), began(job, "restart")];
  if (!before || !built) return [];
  const { target } = opened;
  try {
    const moved = await target.restore(before, { restarted, built }, work);
    const { wasRunning } = before;
    const back = wasRunning ? "the former image serves again" : "it is of the former image again";
    const done = [moved ? back : "the container was not touched"];
    if (!restarted) return done;
    return [...done, await (wasRunning ? servesAgain(job, work, opened) : asItEnded(work, opened))];
  } catch (error) {
    if ((await target.isGone?.(work.signal)) !== true) throw error;
    return [STAYS_DOWN];
  }
}

/** A service that was healthy has to be so again; one that was not only has to run that image. */
async function servesAgain(job: RepairJob, work: Work, { target, ref, addressOf }: OpenTarget): Promise<string> {
  const { before } = job.record;
  const state = await target.state(work.signal);
  const expect = before?.health === "healthy" || (before?.health === "none" && before.wasRunning) ? "healthy" : "running_image";
  const asked = { target, profile: ref.profile, finding: null, clock: job.host.clock, resolve: addressOf, expect } as const;
  const { ok, message } = await verify({
    ...asked,
    // The former one, or what was built in its stead where that is gone.
    ...(state?.imageId !== undefined && { imageId: state.imageId }),
    ...work,
  });
  if (!ok) throw new OrcoError("verify_failed", `the former image does not serve: ${message}`);
  return expect === "healthy" ? message : `it runs the image it ran before, which was ${before?.health ?? "not healthy"} then: ${message}`;
}

/** What was not running needs not run now, and there is nothing to ask it. */
async function asItEnded({ signal, onLine }: Work, { target }: OpenTarget): Promise<string> {
  const state = await target.state(signal);
  const now = state ? `is ${state.status} (${state.imageId ?? "of an image that is gone"})` : "has no container";
  const text = `it was not running before, so that nothing was asked of it: it ${now}`;
  onLine(text);
  return text;
}

function began({ record }: RepairJob, name: StepName): boolean {
  return !["pending", "skipped"].includes(record.steps[name].status);
}

/** What a daemon that died, or a cancel, left in its midst. */
async function closeCutOff(job: RepairJob): Promise<void> {
  const { steps } = job.record;
  for (const name of ["patch", "build", "restart", "verify"] as const)
    if (steps[name].status === "in_progress")
      await job.host.book.step(job.id, name, () => ({ status: "failed", message: "cut off", completedAt: job.host.clock.now() }));
}
