import { messageOf } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import type { RepairJob } from "../job.ts";
import { publish, type Published } from "../patch/publish.ts";
import { diffOf } from "../plan.ts";

const LOG = "publish.log";

/**
 * A branch with the change, and a pull request, where the profile asks for it. What fails here is told, and undoes nothing: the service is healthy. Told it is
 * as the last words of verify, with a log of its own.
 */
export async function publishStage(job: RepairJob, signal: AbortSignal): Promise<Json> {
  try {
    await published(job, signal);
  } catch (error) {
    signal.throwIfAborted();
    job.host.onError(error);
    await told(job, `not published: ${messageOf(error)}`);
  }
  return null;
}

async function published(job: RepairJob, signal: AbortSignal): Promise<void> {
  const { ref, redactor } = await job.open(signal);
  const { plan, finding } = job.record;
  const { pr } = ref.profile;
  if (!pr || !plan || diffOf(plan) === "" || plan.target.base_commit === null || job.record.published) return;
  const { githubToken, githubApi, book } = job.host;
  const onLine = (line: string): void => log(job, redactor.clean(line));
  let made: Published | undefined;
  try {
    made = await publish({
      workspace: ref.project.workspace,
      run: job.id,
      plan,
      subject: `repair ${ref.service}: ${finding?.remedy ?? "an operator's plan"}`.slice(0, 200),
      body: [finding?.cause, ...(finding?.evidence ?? [])]
        .filter(Boolean)
        .map((line) => redactor.clean(line ?? ""))
        .join("\n"),
      pr,
      api: githubApi,
      ...(githubToken !== undefined && { token: githubToken }),
      signal,
      onLine,
      onCommit: (commit) => (made = commit),
    });
    await told(job, `published as ${made.pullRequest ?? made.branch}`);
  } catch (error) {
    if (signal.aborted) await noteStranded(job, made);
    signal.throwIfAborted();
    const why = `not published: ${redactor.clean(messageOf(error))}`;
    onLine(why);
    await told(job, why);
  }
  const kept = made;
  if (kept) await book.change(job.id, () => ({ published: kept }));
}

/** A repair that is cancelled now is rolled back, and what it has pushed stays: somebody has to know of it. Where the daemon leaves the next one publishes. */
async function noteStranded({ host, id }: RepairJob, made: Published | undefined): Promise<void> {
  if (made && !host.isLeaving()) await host.book.change(id, () => ({ published: made }));
}

/** A full disk does not undo what is healthy. */
function log({ host, id }: RepairJob, line: string): void {
  try {
    host.files.append(id, LOG, [line]);
  } catch (error) {
    host.onError(error);
  }
}

/** Once, whatever daemon comes to it again. */
async function told({ host, id }: RepairJob, what: string): Promise<void> {
  const has = (await host.files.list(id)).some(({ name }) => name === LOG);
  await host.book.change(id, ({ steps }) => {
    const { message = "", artifacts } = steps.verify;
    if (message.includes(what)) return undefined;
    const kept = has && !artifacts.includes(LOG) ? [...artifacts, LOG] : artifacts;
    return { steps: { ...steps, verify: { ...steps.verify, message: `${message}; ${what}`, artifacts: kept } } };
  });
}
