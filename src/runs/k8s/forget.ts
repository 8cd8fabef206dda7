import type { Cluster } from "./cluster.ts";
import { runSelector } from "./names.ts";
import { isFinal, jobFacts, type KubeList, podFacts } from "./objects.ts";
import { deleteJob } from "./removal.ts";

const PATIENCE = { forMs: 10_000 };

/** Of an ended run: takes away its tokens and what still runs of it. Ended Jobs stay for kubectl until their hour is over. */
export async function forgetRun(cluster: Cluster, run: string): Promise<void> {
  const query = { labelSelector: runSelector(cluster.options.home, run) };
  const { items = [] } = await cluster.client.persist<KubeList>({ path: cluster.path("jobs"), query }, PATIENCE);
  if (items.length === 0) return;
  // The Job controller counts a pod a moment after it has ended.
  const pods = await cluster.client.persist<KubeList>({ path: cluster.path("pods"), query }, PATIENCE);
  const over = new Set((pods.items ?? []).map(podFacts).flatMap(({ job, phase }) => (isFinal(phase) ? [job] : [])));
  for (const job of items.map(jobFacts)) if (!job.finished && !over.has(job.name)) await deleteJob(cluster, job, PATIENCE);
  await cluster.client.persist({ method: "DELETE", path: cluster.path("secrets"), query }, PATIENCE);
}
