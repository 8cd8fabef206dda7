import type { Clock } from "../../kernel/clock.ts";
import type { KubeClient } from "./client.ts";
import { homeSelector } from "./names.ts";
import { jobFacts, type JobFacts, podFacts, type PodFacts } from "./objects.ts";
import { Shelf } from "./shelf.ts";
import { Slots } from "../slots.ts";
import { keepLike } from "./watch.ts";

export interface ClusterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  /** Of steps that name none. */
  readonly image: string;
  /** Value of the label of everything that is ours. */
  readonly home: string;
  readonly trouble?: (message: string) => void;
}

/** Bun opens 256 connections at once; logs must leave some for requests. */
const MAX_FOLLOWED = 100;

/** What executions share: a picture of the namespace that two watches keep, and who wants to hear of changes. Nobody watches while nobody listens. */
export class Cluster {
  readonly jobs: Shelf<JobFacts>;
  readonly pods: Shelf<PodFacts>;
  readonly logSlots = new Slots(MAX_FOLLOWED);
  private readonly listeners = new Map<string, () => void>();
  private watching: AbortController | undefined;

  constructor(readonly options: ClusterOptions) {
    this.jobs = new Shelf(({ name }) => name, this.changed);
    this.pods = new Shelf(({ job }) => job, this.changed);
  }

  get client(): KubeClient {
    return this.options.client;
  }

  get clock(): Clock {
    return this.options.clock;
  }

  path(kind: "jobs" | "pods" | "secrets" | "events", name?: string): string {
    const group = kind === "jobs" ? "/apis/batch/v1" : "/api/v1";
    return `${group}/namespaces/${this.options.namespace}/${kind}${name === undefined ? "" : `/${name}`}`;
  }

  /** Calls `fn` after the Job or its pods have changed. Returns how to stop. */
  listen(job: string, fn: () => void): () => void {
    this.listeners.set(job, fn);
    this.watching ??= this.watch();
    return () => {
      if (this.listeners.get(job) !== fn) return;
      this.listeners.delete(job);
      if (this.listeners.size === 0) this.rest();
    };
  }

  close(): void {
    this.listeners.clear();
    this.rest();
    this.client.close();
  }

  private readonly changed = (job: string): void => this.listeners.get(job)?.();

  private watch(): AbortController {
    const controller = new AbortController();
    const { client, clock, home, trouble } = this.options;
    const shared = { client, clock, selector: homeSelector(home), ...(trouble && { trouble }) };
    const jobs = { path: this.path("jobs"), facts: jobFacts, jobOf: ({ name }: JobFacts) => name };
    const pods = { path: this.path("pods"), facts: podFacts, jobOf: ({ job }: PodFacts) => job };
    void keepLike({ ...shared, kind: jobs }, this.jobs, controller.signal);
    void keepLike({ ...shared, kind: pods }, this.pods, controller.signal);
    return controller;
  }

  private rest(): void {
    this.watching?.abort(new Error("nothing is under way"));
    this.watching = undefined;
    this.jobs.clear();
    this.pods.clear();
  }
}
