import { OrcoError } from "../../../kernel/errors.ts";
import { containerOf } from "../../docker/container-spec.ts";
import { inspectContainer, startContainer } from "../../docker/containers.ts";
import type { LaunchSpec, StartOptions } from "../../runtime.ts";
import { containerFor, createOwn, type CreatePorts } from "./create.ts";
import type { ContainerFolder, ContainerMeta } from "./folder.ts";
import { metaOf } from "./instance.ts";
import { startError } from "./start-error.ts";

export interface StartPorts extends CreatePorts {
  readonly bootId: string;
  /** Takes away what there is of it, in docker now or when it is back, and on disk. */
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
    try {
      return await bringUp(spec, { folder, options }, ports);
    } catch (error) {
      await ports.discard(spec.instance);
      // Somebody removed the network a moment ago.
      if (attempt < ATTEMPTS && isNetworkMissing(error)) continue;
      throw startError(error, spec);
    }
  }
}

async function bringUp(
  spec: LaunchSpec,
  { folder, options }: { readonly folder: ContainerFolder; readonly options: StartOptions },
  ports: StartPorts,
): Promise<ContainerMeta> {
  const { engine, clock, bootId } = ports;
  const { instance } = spec;
  const { name } = containerOf(spec);
  const call = options.signal ? { signal: options.signal } : {};
  const ready = await containerFor(spec, { key: instance, options }, ports);
  call.signal?.throwIfAborted();
  const id = await createOwn(engine, name, ready.spec);
  folder.create();
  folder.write({ instance, id, name, bootId, startedAt: clock.now() });
  await ready.own(id);
  call.signal?.throwIfAborted();
  await startContainer(engine, id, { timeoutMs: START_MS, ...call });
  const meta = metaOf(await inspectContainer(engine, id, call), { instance, bootId });
  folder.write(meta);
  return meta;
}

function isNetworkMissing(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "not_found" && /network .* not found/i.test(error.message);
}
