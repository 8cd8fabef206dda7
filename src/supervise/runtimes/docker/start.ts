import { OrcoError } from "../../../kernel/errors.ts";
import { containerOf } from "../../docker/container-spec.ts";
import { type ContainerInfo, inspectContainer, startContainer } from "../../docker/containers.ts";
import type { LaunchSpec, StartOptions } from "../../runtime.ts";
import { containerFor, createOwn, type CreatePorts } from "./create.ts";
import { type ContainerFolder, type ContainerMeta } from "./folder.ts";
import { metaOf } from "./instance.ts";
import { startError } from "./start-error.ts";

export interface StartPorts extends CreatePorts {
  readonly bootId: string;
  /** Takes away what there is of it, now or when docker is back. */
  readonly discard: (instance: string) => Promise<void>;
}

/** Docker sets up network, volumes and processes meanwhile; on a busy machine that takes its time. */
const START_MS = 60_000;
const ATTEMPTS = 2;

/** Brings a container to life. Whatever goes wrong, or when the signal aborts, none is left. Rejects as `Runtime.start` does, with `away` where docker was. */
export async function startInstance(
  spec: LaunchSpec,
  { folder, options }: { readonly folder: ContainerFolder; readonly options: StartOptions },
  ports: StartPorts,
): Promise<ContainerMeta> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    const container = await containerFor(spec, options, ports);
    try {
      options.signal?.throwIfAborted();
      const id = await createOwn(ports.engine, containerOf(spec).name, container);
      return await bringUp(id, { spec, folder, signal: options.signal }, ports);
    } catch (error) {
      await ports.discard(spec.instance);
      folder.remove();
      // Somebody removed the network a moment ago.
      if (attempt < ATTEMPTS && isNetworkMissing(error)) continue;
      throw startError(error, spec);
    }
  }
}

async function bringUp(
  id: string,
  { spec, folder, signal }: { readonly spec: LaunchSpec; readonly folder: ContainerFolder; readonly signal: AbortSignal | undefined },
  { engine, clock, bootId }: StartPorts,
): Promise<ContainerMeta> {
  const { instance } = spec;
  folder.create();
  folder.write({ instance, id, name: containerOf(spec).name, bootId, startedAt: clock.now() });
  signal?.throwIfAborted();
  await startContainer(engine, id, { timeoutMs: START_MS, ...(signal && { signal }) });
  const info: ContainerInfo = await inspectContainer(engine, id, { ...(signal && { signal }) });
  const meta = metaOf(info, { instance, bootId });
  folder.write(meta);
  return meta;
}

function isNetworkMissing(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "not_found" && /network .* not found/i.test(error.message);
}
