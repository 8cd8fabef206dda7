import { formatSpan } from "../../kernel/duration.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput } from "../ports.ts";
import { Bell } from "../bell.ts";
import type { Persistence } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { judge, type Memory, type Verdict } from "./judge.ts";
import { Listening } from "./listening.ts";
import type { JobName } from "./names.ts";
import { isFinal, type JobFacts, type PodFacts } from "./objects.ts";
import { Placing } from "./placing.ts";
import { deleteJob, hurryPod, podsOf } from "./removal.ts";
import { warningOf } from "./warnings.ts";

/** A pod whose node does not answer stays on the books; this long after its grace nobody waits for it any more. */
const OVERDUE_MS = 120_000;
/** How often it is looked whether pods are gone, should no event say so. */
const LOOK_MS = 5000;

const MAX_LINE_CHARS = 300;

type Stop = { readonly why: "cancel" | "timeout"; readonly graceMs: number };

/** One execution of a step as one Job: from its creation, or from where a former daemon left it, to its end. */
export class KubeExecution implements StepHandle {
  readonly ended: Promise<StepEnd>;
  /** Ended or left alone: nothing happens here any more. */
  readonly over: Promise<void>;
  private readonly bell: Bell;
  private readonly placing: Placing;
  private readonly listening: Listening;
  /** Aborts what waits for the API server before the Job runs. */
  private readonly stopped = new AbortController();
  private stopping: Stop | undefined;
  private said: string | undefined;
  private detached = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly what: { readonly execution: StepExecution; readonly output: StepOutput; readonly job: JobName },
    /** `create`: made unless it is there; `find`: what is not there is lost. */
    how: "create" | "find",
  ) {
    this.bell = new Bell(cluster.clock);
    this.placing = new Placing(cluster, what.execution, what.job);
    this.listening = new Listening(cluster, what, this.bell.ring);
    const quiet = cluster.listen(what.job.name, this.bell.ring);
    const outcome = this.live(how).finally(quiet);
    this.over = outcome.then(() => undefined);
    this.ended = outcome.then((end) => end ?? new Promise(() => {}));
  }

  stop(why: Stop["why"], graceMs: number): void {
    this.stopping = { why: this.stopping?.why ?? why, graceMs: Math.min(graceMs, this.stopping?.graceMs ?? graceMs) };
    this.stopped.abort(new OrcoError("cancelled", "it was stopped"));
    this.bell.ring();
  }

  /** This daemon ends, the Job goes on: nothing is reported any more. */
  detach(): void {
    this.detached = true;
    this.stopped.abort(new OrcoError("cancelled", "the daemon ends"));
    this.listening.detach();
    this.bell.ring();
  }

  /** Undefined: it was left alone. */
  private async live(how: "create" | "find"): Promise<StepEnd | undefined> {
    try {
      const found = how === "create" ? await this.placing.create(this.patience) : await this.placing.find(this.patience);
      if (!found) return { kind: "lost", message: "its Job is not in the cluster any more" };
      if (how === "find" && found.suspended && !found.finished) return await this.unborn();
      const job = await this.placing.release(found, this.patience);
      return await this.watchOver(job);
    } catch (error) {
      return await this.abandoned(error);
    }
  }

  /** The daemon that made it died before it was let go, and its checkpoint and token with that one. */
  private async unborn(): Promise<StepEnd> {
    await this.remove({});
    return { kind: "lost", message: "its Job was never let go" };
  }

  /** What the API server refuses for now is asked for until somebody stops it. */
  private get patience(): Persistence {
    return { signal: this.stopped.signal, onFailure: ({ message }) => this.say(`${message}; trying again`) };
  }

  private async watchOver(placed: JobFacts): Promise<StepEnd | undefined> {
    const { clock, jobs, pods } = this.cluster;
    const begun = clock.monotonic();
    let memory: Memory = {};
    for (let wasSeen = false; ;) {
      const [job] = jobs.of(placed.name);
      wasSeen ||= job !== undefined;
      // An absent Job is asked for: a list may be older than the Job, an event may be of another.
      const missing = !job && (wasSeen || jobs.listedAt > begun);
      const asked = missing ? await this.placing.find({}) : undefined;
      const seen = { job: job ?? asked ?? (missing ? undefined : placed), gone: missing && !asked, now: clock.monotonic(), begun };
      let verdict = judge({ ...seen, pods: pods.of(placed.name), confirmed: false }, memory);
      if (verdict.confirm) verdict = judge({ ...seen, pods: await this.askPods(), confirmed: true }, memory);
      memory = verdict.memory;
      this.heed(verdict, placed);
      if (this.listening.refused) return this.refusedEnd(this.listening.refused);
      if (verdict.end) return this.finish(verdict.end, verdict.remove === true);
      if (this.stopping) return this.stopEnd();
      if (verdict.ask !== undefined) this.say(await warningOf(this.cluster, verdict.ask));
      await this.bell.wait(asked ? Math.min(verdict.lookAgainMs ?? LOOK_MS, LOOK_MS) : verdict.lookAgainMs);
    }
  }

  private heed({ say, log }: Verdict, { createdAt }: JobFacts): void {
    this.say(say);
    if (log) this.listening.to({ ...log, createdAt });
  }

  /** The rest of its log comes before its end. */
  private async finish(end: StepEnd, remove: boolean): Promise<StepEnd | undefined> {
    if (remove) await this.remove({});
    const unread = await this.listening.end();
    if (this.listening.refused) return this.refusedEnd(this.listening.refused);
    if (unread !== undefined) this.say(`the rest of its log could not be read: ${unread}`);
    return this.withLastLine(end);
  }

  /** Kubernetes gives an exit code; people want to know why. */
  private withLastLine(end: StepEnd): StepEnd {
    const { lastLine } = this.listening;
    if (end.kind !== "failed" || end.error.code !== "step_failed" || lastLine === undefined) return end;
    return { ...end, error: { ...end.error, message: `${end.error.message}: ${plainLine(lastLine, MAX_LINE_CHARS)}` } };
  }

  private async stopEnd(): Promise<StepEnd> {
    const { spec } = this.what.execution;
    // Before the Job goes: a kubelet that has begun to wait for the long grace does not always listen to a shorter one.
    const granted = await this.hurry(spec.grace_ms, await this.askPods());
    await this.remove({});
    await this.podsGone(granted);
    await this.listening.end();
    if (this.stopping?.why !== "timeout") return { kind: "canceled" };
    const after = spec.timeout_ms === undefined ? "its time was up" : `it had not ended after ${formatSpan(spec.timeout_ms)}`;
    return { kind: "failed", error: { code: "timeout", message: `${after}, and was stopped` } };
  }

  /** `graceMs`: what they were granted so far. */
  private async podsGone(graceMs: number): Promise<void> {
    const { clock } = this.cluster;
    let granted = graceMs;
    for (const deadline = clock.monotonic() + granted + OVERDUE_MS; clock.monotonic() < deadline; await this.bell.wait(LOOK_MS)) {
      const living = (await this.askPods()).filter(({ phase }) => !isFinal(phase));
      if (living.length === 0) return;
      granted = await this.hurry(granted, living);
    }
    this.say("its pod is still on the books of a node that does not answer");
  }

  /** Returns what the pods are granted now. */
  private async hurry(grantedMs: number, pods: readonly PodFacts[]): Promise<number> {
    const graceMs = this.stopping?.graceMs ?? grantedMs;
    if (graceMs >= grantedMs) return grantedMs;
    for (const { name } of pods) await hurryPod(this.cluster, { pod: name, graceMs }, {});
    return graceMs;
  }

  private askPods(): Promise<PodFacts[]> {
    return podsOf(this.cluster, this.what.job, {});
  }

  private async refusedEnd({ code, message, facts }: OrcoError): Promise<StepEnd | undefined> {
    // The driver has left, as daemons do when they end: the next one finds the Job.
    if (code === "cancelled") this.detach();
    if (this.detached) return undefined;
    await this.remove({});
    if (code === "conflict") return { kind: "lost", message };
    const text = `what it said was refused, and it was stopped: ${message}`;
    return { kind: "failed", error: { code, message: text, facts: facts as JsonObject } };
  }

  /** It could not be placed or watched. What there is of it must not run. */
  private async abandoned(error: unknown): Promise<StepEnd | undefined> {
    if (this.detached) return undefined;
    try {
      if (this.stopping) return await this.stopEnd();
      await this.remove({ forMs: OVERDUE_MS });
    } catch (why) {
      if (this.detached) return undefined;
      this.say(messageOf(why));
    }
    return failedWith(error);
  }

  /** Rejects with `conflict` when a Job of that name is not ours. */
  private async remove(persistence: Persistence): Promise<void> {
    const found = await this.placing.find(persistence);
    if (found) await deleteJob(this.cluster, found, persistence);
  }

  private say(message: string | undefined): void {
    if (message === undefined || message === this.said || this.detached) return;
    this.said = message;
    this.what.output.progress({ message });
    this.what.output.log({ at: this.cluster.clock.now(), source: "orco", level: "warn", message });
  }
}

function failedWith(error: unknown): StepEnd {
  const { code, facts } = error instanceof OrcoError ? error : new OrcoError("internal", messageOf(error));
  return { kind: "failed", error: { code, message: messageOf(error), facts: facts as JsonObject } };
}
