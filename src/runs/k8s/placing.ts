import { OrcoError } from "../../kernel/errors.ts";
import type { StepExecution } from "../ports.ts";
import type { Persistence } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { jobManifest, type JobTemplate, secretManifest } from "./manifest.ts";
import { type JobName } from "./names.ts";
import { jobFacts, type JobFacts, type KubeObject } from "./objects.ts";
import { statusOf } from "./status-error.ts";

const CONFLICT = 409;
const NOT_FOUND = 404;

/** How an execution gets into the cluster. Every part may be done again: names are fixed, and what is there already is taken for done. */
export class Placing {
  private readonly template: JobTemplate;

  constructor(
    private readonly cluster: Cluster,
    execution: StepExecution,
    private readonly job: JobName,
  ) {
    const { namespace, image } = cluster.options;
    this.template = { execution, job, namespace, image };
  }

  /** Its Job, suspended or further on when it was there. Rejects with `conflict` when it is another's. */
  async create(persistence: Persistence): Promise<JobFacts> {
    const { client } = this.cluster;
    try {
      const body = jobManifest(this.template);
      return jobFacts(await client.persist<KubeObject>({ method: "POST", path: this.cluster.path("jobs"), body }, persistence));
    } catch (error) {
      if (statusOf(error) !== CONFLICT) throw error;
    }
    const found = await this.find(persistence);
    // Deleted between the two requests, or its name is reserved while it is being deleted.
    if (!found) throw new OrcoError("conflict", `Job ${this.job.name} could not be made: it was just deleted`, { job: this.job.name });
    return found;
  }

  /** Undefined: there is none. */
  async find(persistence: Persistence): Promise<JobFacts | undefined> {
    try {
      const request = { path: this.cluster.path("jobs", this.job.name) };
      return this.ours(jobFacts(await this.cluster.client.persist<KubeObject>(request, persistence)));
    } catch (error) {
      if (statusOf(error) === NOT_FOUND) return undefined;
      throw error;
    }
  }

  /** Gives a suspended Job its Secret and lets it go; a Job that is further on stays as it is. */
  async release(job: JobFacts, persistence: Persistence): Promise<JobFacts> {
    if (!job.suspended || job.finished) return job;
    await this.giveSecret(job.uid, persistence);
    const request = { method: "PATCH", path: this.cluster.path("jobs", job.name), body: { spec: { suspend: false } } } as const;
    return jobFacts(await this.cluster.client.persist<KubeObject>(request, persistence));
  }

  private async giveSecret(uid: string, persistence: Persistence): Promise<void> {
    const { client } = this.cluster;
    const body = secretManifest(this.template, uid);
    try {
      await client.persist({ method: "POST", path: this.cluster.path("secrets"), body }, persistence);
    } catch (error) {
      if (statusOf(error) !== CONFLICT) throw error;
      // Left by a daemon that died here; its token may be void by now.
      await client.persist({ method: "PATCH", path: this.cluster.path("secrets", this.job.name), body }, persistence);
    }
  }

  private ours(found: JobFacts): JobFacts {
    const { name, labels } = this.job;
    const strange = Object.entries(labels).find(([key, value]) => found.labels[key] !== value);
    if (!strange) return found;
    throw new OrcoError("conflict", `Job ${name} is there already and not ours: its label ${strange[0]} is not ${strange[1]}`, {
      job: name,
    });
  }
}
