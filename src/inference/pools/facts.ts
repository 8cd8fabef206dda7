import type { EngineKind } from "../request.ts";
import type { Seen } from "./health.ts";
import type { PoolFacts, ReplicaFacts } from "./pool.ts";
import type { Settled, SourceReplica } from "./source.ts";

/** Where neither the source nor the engine tells: what the engine's own server takes at once unless it is told otherwise; of any other a modest number. */
const DEFAULT_SLOTS: Readonly<Record<EngineKind, number>> = { llamacpp: 1, vllm: 256, tgi: 128, openai: 8, mock: 4 };
const SHOWN_MODELS = 5;

/** What a source says of a replica, and what its engine was seen to be. */
export interface Looked {
  readonly replica: SourceReplica;
  /** Not live where the engine is not asked, for its source says that it is not ready. */
  readonly seen?: Seen | undefined;
}

export interface PoolState {
  readonly draining: boolean;
  /** What went wrong with the pool as a whole. */
  readonly lastError?: string | undefined;
}

/** The facts of a pool out of what is known of it. */
export function poolFacts(pool: Settled, looked: readonly Looked[], { draining, lastError = pool.note }: PoolState): PoolFacts {
  const models = [...new Set(looked.flatMap((one) => servedBy(one)))];
  return {
    id: pool.id,
    source: pool.source,
    engine: pool.engine,
    models,
    ...(pool.policy !== undefined && { policy: pool.policy }),
    draining,
    replicas: looked.map((one) => replicaFacts(one, { engine: pool.engine, models })),
    ...(lastError !== undefined && { lastError }),
  };
}

/** Configured, or as the engine says. */
function servedBy({ replica, seen }: Looked): readonly string[] {
  return replica.models ?? seen?.props?.models ?? [];
}

function replicaFacts(one: Looked, { engine, models }: { engine: EngineKind; models: readonly string[] }): ReplicaFacts {
  const { replica, seen } = one;
  const own = servedBy(one);
  const trouble = troubleOf(one);
  const error = trouble ?? replica.lastError ?? (seen?.ready ? seen.detail : undefined);
  const { ctxMax = seen?.props?.ctxMax, vramTotalBytes, vramFreeBytes } = replica;
  return {
    id: replica.id,
    endpoint: replica.endpoint,
    ready: trouble === undefined,
    draining: replica.draining ?? false,
    slotsTotal: replica.slotsTotal ?? seen?.slotsTotal ?? DEFAULT_SLOTS[engine],
    slotsForeign: seen?.slotsForeign ?? replica.slotsForeign ?? 0,
    ...(own.length < models.length && { models: own }),
    ...(ctxMax !== undefined && { ctxMax }),
    ...(vramTotalBytes !== undefined && { vramTotalBytes }),
    ...(vramFreeBytes !== undefined && { vramFreeBytes }),
    ...(error !== undefined && { lastError: error }),
  };
}

/** Why it is not ready. */
function troubleOf({ replica, seen }: Looked): string | undefined {
  if (replica.ready === false) return replica.lastError ?? "it is not ready, its source says";
  if (!seen?.ready) return seen?.detail ?? "it has not been asked yet";
  const told = seen.props?.models ?? [];
  if (!replica.models) return told.length > 0 ? undefined : (seen.detail ?? "it names no model; give the pool its models");
  // An engine that names none does not say.
  const missing = told.length === 0 ? undefined : replica.models.find((model) => !told.includes(model));
  return missing === undefined ? undefined : `it does not serve ${missing}, but ${modelNames(told)}`;
}

export function modelNames(models: readonly string[]): string {
  const more = models.length > SHOWN_MODELS ? `, and ${models.length - SHOWN_MODELS} more` : "";
  return models.slice(0, SHOWN_MODELS).join(", ") + more;
}
