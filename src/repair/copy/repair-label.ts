import { listContainers, removeContainer } from "../../supervise/docker/containers.ts";
import type { CallOptions, Engine } from "../../supervise/docker/engine.ts";

/** On every container that an analysis makes; its value is the run's id. */
export const REPAIR_LABEL = "orco.repair";

/** What a daemon that died has left of one run, or of all. */
export async function removeAnalysisContainers(engine: Engine, { run, ...options }: CallOptions & { run?: string } = {}): Promise<void> {
  const left = await listContainers(engine, { [REPAIR_LABEL]: run }, options);
  for (const { Id } of left) await removeContainer(engine, Id, options);
}
