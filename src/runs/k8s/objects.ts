import { plainLine } from "../../kernel/plain-text.ts";

/** What orco reads of Kubernetes objects. Everything is optional on the wire; what is kept of it is small, since thousands are kept. */

interface Meta {
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Waiting {
  readonly reason?: string;
  readonly message?: string;
}

interface Terminated extends Waiting {
  readonly exitCode?: number;
  readonly signal?: number;
  readonly finishedAt?: string;
}

export interface KubeObject {
  readonly metadata?: Meta;
  readonly spec?: { readonly suspend?: boolean; readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly {
      readonly name?: string;
      readonly state?: { readonly waiting?: Waiting; readonly running?: object; readonly terminated?: Terminated };
    }[];
  };
}

export interface KubeList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubeObject[];
}

export interface Told {
  readonly reason: string;
  readonly message: string;
}

export interface JobFacts {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch ms, by the cluster's clock. */
  readonly createdAt: number;
  readonly suspended: boolean;
  readonly deleting: boolean;
  /** It has ended for good. */
  readonly finished?: Told & { readonly complete: boolean };
}

export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  /** Name of its Job. */
  readonly job: string;
  readonly createdAt: number;
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
  /** Of the pod itself: `Evicted`, `NodeLost`. */
  readonly why?: Told;
  /** When it was asked to go, epoch ms of the cluster's clock. */
  readonly deletedAt?: number;
  /** Kubernetes takes it away for its own reasons: preemption, drain, eviction, a lost node. */
  readonly disrupted?: Told;
  readonly unschedulable?: string;
  readonly container: ContainerFacts;
}

export type ContainerFacts =
  | (Told & { readonly state: "waiting" })
  | { readonly state: "running" }
  | (Told & { readonly state: "ended"; readonly exit: number; readonly signal?: number; readonly endedAt?: number });

/** The label that the Job controller gives to pods. */
const JOB_NAME = "batch.kubernetes.io/job-name";
export const CONTAINER = "step";
/** A container may say 4 KiB of its own at its end. */
const MAX_MESSAGE_CHARS = 1000;

export function jobFacts({ metadata, spec, status }: KubeObject): JobFacts {
  const ended = (status?.conditions ?? []).find((one) => (one.type === "Complete" || one.type === "Failed") && one.status === "True");
  return {
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
    labels: metadata?.labels ?? {},
    createdAt: time(metadata?.creationTimestamp) ?? 0,
    suspended: spec?.suspend === true,
    deleting: metadata?.deletionTimestamp !== undefined,
    ...(ended && { finished: { complete: ended.type === "Complete", ...told(ended) } }),
  };
}

export function podFacts({ metadata, status }: KubeObject): PodFacts {
  const conditions = status?.conditions ?? [];
  const disrupted = conditions.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  const scheduled = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  const deletion = time(metadata?.deletionTimestamp);
  return {
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
    job: metadata?.labels?.[JOB_NAME] ?? "",
    createdAt: time(metadata?.creationTimestamp) ?? 0,
    phase: phaseOf(status?.phase),
    ...(status?.reason && { why: told(status) }),
    // The time stamp is when its grace is over, not when somebody asked.
    ...(deletion !== undefined && { deletedAt: deletion - (metadata?.deletionGracePeriodSeconds ?? 0) * 1000 }),
    ...(disrupted && { disrupted: told(disrupted) }),
    ...(scheduled?.reason === "Unschedulable" && { unschedulable: scheduled.message ?? "" }),
    container: containerFacts(status),
  };
}

export function isFinal(phase: PodFacts["phase"]): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

function containerFacts(status: KubeObject["status"]): ContainerFacts {
  const state = (status?.containerStatuses ?? []).find(({ name }) => name === CONTAINER)?.state;
  if (state?.running) return { state: "running" };
  if (!state?.terminated) return { state: "waiting", ...told(state?.waiting) };
  const { exitCode = -1, signal, finishedAt } = state.terminated;
  const endedAt = time(finishedAt);
  return {
    state: "ended",
    exit: exitCode,
    ...told(state.terminated),
    ...(signal && { signal }),
    ...(endedAt !== undefined && { endedAt }),
  };
}

function phaseOf(phase: string | undefined): PodFacts["phase"] {
  return phase === "Running" || phase === "Succeeded" || phase === "Failed" || phase === "Unknown" ? phase : "Pending";
}

function told(from: Waiting | undefined): Told {
  return { reason: from?.reason ?? "", message: plainLine(from?.message ?? "", MAX_MESSAGE_CHARS) };
}

function time(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}
