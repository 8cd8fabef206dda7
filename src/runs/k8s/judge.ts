import type { StepEnd } from "../ports.ts";
import { endOf } from "./job-end.ts";
import type { JobFacts, PodFacts } from "./objects.ts";
import { type Trouble, troubleOf } from "./trouble.ts";

/** What is known of one execution at one moment. */
export interface Seen {
  readonly job: JobFacts | undefined;
  readonly pods: readonly PodFacts[];
  /** The API server was asked for the Job itself, and has it no more. */
  readonly gone: boolean;
  /** The API server was asked for the pods after the Job had ended: events of Jobs and pods overtake each other. */
  readonly confirmed: boolean;
  /** Monotonic ms. */
  readonly now: number;
  /** Monotonic ms at which its Job was let go: before, nobody waits for a pod. */
  readonly begun: number;
}

/** What a judgement leaves for the next one. */
export interface Memory {
  readonly trouble?: { readonly key: Trouble["key"]; readonly since: number };
  /** A node took the pod with it and cannot say so. */
  readonly leavingSince?: number;
  readonly pendingSince?: number;
}

export interface Verdict {
  readonly memory: Memory;
  /** New for people; said once. */
  readonly say?: string;
  /** Whose log is to be read, and whether all of it is there. */
  readonly log?: { readonly pod: string; readonly whole: boolean };
  readonly end?: StepEnd;
  /** It has ended for us, but the cluster may still run it. */
  readonly remove?: boolean;
  /** Whether it has ended depends on what the pods are by now. */
  readonly confirm?: boolean;
  /** Uid of what does not get on: its events may say why. */
  readonly ask?: string;
  /** Only time will change this. */
  readonly lookAgainMs?: number;
}

/** A node that is lost never says that its pods have ended. */
const LOST_NODE_MS = 60_000;
const PODLESS_MS = 5000;
/** A pod that is neither scheduled nor refused, nor pulls its image for longer, waits for a volume or a network. */
const PENDING_MS = 20_000;

/** Pure. The same last state of the cluster gives the same end, whatever was seen or missed on the way there. */
export function judge(seen: Seen, memory: Memory): Verdict {
  const pod = latest(seen.pods);
  const log = pod && pod.container.state !== "waiting" ? { pod: pod.name, whole: pod.container.state === "ended" } : undefined;
  const told = log && { log };
  const over = seen.gone || seen.job?.finished !== undefined;
  if (over && !seen.confirmed && pod?.phase !== "Succeeded") return { memory, ...told, confirm: true };
  const end = endOf(seen.job, pod);
  if (end) return { memory, ...told, end };
  if (seen.gone) return { memory, ...told, end: { kind: "lost", message: "its Job was deleted in the cluster" }, remove: true };
  if (pod?.disrupted && pod.deletedAt !== undefined) return { ...told, ...leaving(seen, memory, pod) };
  if (!pod) return podless(seen);
  return { ...told, ...troubled(seen, memory, pod) };
}

/** Of several pods (one was deleted by hand before it began) the one that counts. */
function latest(pods: readonly PodFacts[]): PodFacts | undefined {
  const rank = ({ phase, createdAt }: PodFacts): readonly [number, number] => [phase === "Succeeded" ? 1 : 0, createdAt];
  return pods.toSorted((a, b) => rank(b)[0] - rank(a)[0] || rank(b)[1] - rank(a)[1] || a.name.localeCompare(b.name))[0];
}

function podless({ job, now, begun }: Seen): Verdict {
  if (!job || job.suspended || job.finished) return { memory: {} };
  const left = begun + PODLESS_MS - now;
  return left > 0 ? { memory: {}, lookAgainMs: left } : { memory: {}, ask: job.uid, lookAgainMs: PODLESS_MS };
}

function leaving({ now }: Seen, memory: Memory, pod: PodFacts): Verdict {
  const since = memory.leavingSince ?? now;
  const left = since + LOST_NODE_MS - now;
  const message = `its pod was disrupted: ${pod.disrupted?.message ?? pod.disrupted?.reason ?? ""}`;
  if (left > 0) return { memory: { leavingSince: since }, lookAgainMs: left, ...(memory.leavingSince === undefined && { say: message }) };
  return { memory: { leavingSince: since }, end: { kind: "lost", message }, remove: true };
}

function pending(now: number, memory: Memory, pod: PodFacts): Verdict {
  const since = memory.pendingSince ?? now;
  const left = since + PENDING_MS - now;
  return { memory: { pendingSince: since }, ...(left > 0 ? { lookAgainMs: left } : { ask: pod.uid, lookAgainMs: PENDING_MS }) };
}

function troubled({ now }: Seen, memory: Memory, pod: PodFacts): Verdict {
  const found = troubleOf(pod);
  if (!found) return pod.phase === "Pending" ? pending(now, memory, pod) : { memory: {} };
  const isNew = memory.trouble?.key !== found.key;
  const since = isNew ? now : (memory.trouble?.since ?? now);
  const left = since + found.patienceMs - now;
  const verdict: Verdict = { memory: { trouble: { key: found.key, since } }, ...(isNew && { say: found.message }) };
  if (left > 0) return Number.isFinite(left) ? { ...verdict, lookAgainMs: left } : verdict;
  const end: StepEnd = { kind: "failed", error: { code: "start_failed", message: found.message }, ...(found.hopeless && { final: true }) };
  return { ...verdict, end, remove: true };
}
