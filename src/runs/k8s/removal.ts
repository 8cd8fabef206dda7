import type { JsonObject } from "../../kernel/event.ts";
import type { Persistence } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { type JobName, podSelector } from "./names.ts";
import { type JobFacts, type KubeList, podFacts, type PodFacts } from "./objects.ts";
import { statusOf } from "./status-error.ts";

/** Not found; found, but with another uid. */
const GONE = new Set([404, 409]);
/** Zero would take the pod off the books while it still runs. */
const SHORTEST_GRACE_S = 1;

/** Asks the API server itself: what a watch knows may be a moment old. */
export async function podsOf(cluster: Cluster, { labels }: JobName, persistence: Persistence): Promise<PodFacts[]> {
  const request = { path: cluster.path("pods"), query: { labelSelector: podSelector(labels) } };
  const { items = [] } = await cluster.client.persist<KubeList>(request, persistence);
  return items.map(podFacts);
}

/** Its pods go after it, with the grace that they were made with. Resolves also when it was gone, or another has its name. */
export async function deleteJob(cluster: Cluster, { name, uid }: Pick<JobFacts, "name" | "uid">, persistence: Persistence): Promise<void> {
  const body = { propagationPolicy: "Background", preconditions: { uid } };
  await deleted(cluster, { path: cluster.path("jobs", name), body }, persistence);
}

export async function hurryPod(
  cluster: Cluster,
  { pod, graceMs }: { pod: string; graceMs: number },
  persistence: Persistence,
): Promise<void> {
  const gracePeriodSeconds = Math.max(SHORTEST_GRACE_S, Math.ceil(graceMs / 1000));
  await deleted(cluster, { path: cluster.path("pods", pod), body: { gracePeriodSeconds } }, persistence);
}

type Target = { readonly path: string; readonly body: JsonObject };

async function deleted({ client }: Cluster, { path, body }: Target, persistence: Persistence): Promise<void> {
  try {
    await client.persist({ method: "DELETE", path, body }, persistence);
  } catch (error) {
    if (!GONE.has(statusOf(error) ?? 0)) throw error;
  }
}
