import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { Adapter } from "../adapters/adapter.ts";
import { modelNames } from "./facts.ts";
import { within } from "./health.ts";
import type { ReplicaFacts } from "./pool.ts";

export interface Asking {
  readonly adapter: Adapter;
  readonly clock: Clock;
}

/** Why a pool whose engines someone else runs cannot go over to a model: each of them has to serve it already. Undefined: it can. Never rejects. */
export async function refuseModel(replicas: readonly ReplicaFacts[], model: string, asking: Asking): Promise<string | undefined> {
  if (replicas.length === 0) return "it has no replicas";
  const answers = await Promise.all(replicas.map((replica) => refuseOne(replica, model, asking)));
  return answers.find((why) => why !== undefined);
}

async function refuseOne({ id, endpoint }: ReplicaFacts, model: string, { adapter, clock }: Asking): Promise<string | undefined> {
  try {
    const { models } = await within((signal) => adapter.props(endpoint, signal), { clock });
    if (models.includes(model)) return undefined;
    return models.length > 0 ? `replica ${id} serves ${modelNames(models)}` : `replica ${id} does not say what it serves`;
  } catch (error) {
    return `replica ${id} does not say what it serves: ${messageOf(error)}`;
  }
}
