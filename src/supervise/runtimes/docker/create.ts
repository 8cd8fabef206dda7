import type { Clock } from "../../../kernel/clock.ts";
import { OrcoError } from "../../../kernel/errors.ts";
import { containerOf, containerSpec, mountsOf } from "../../docker/container-spec.ts";
import { type ContainerSpec, createContainer, inspectContainer, removeContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { foreign, OURS, ownedBy } from "../../docker/ownership.ts";
import type { Images } from "../../docker/provide.ts";
import { ensureNetwork, ensureVolumes } from "../../docker/resources.ts";
import type { SecretFiles } from "../../docker/secret-files.ts";
import type { LaunchSpec, StartOptions } from "../../runtime.ts";
import { MARKER } from "../../identity.ts";
import { isReachable } from "./endpoint.ts";

export interface CreatePorts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly images: Images;
  readonly secrets: SecretFiles;
}

export interface Ready {
  readonly spec: ContainerSpec;
  /** Gives its secrets to the user of the container, once it is made. */
  readonly own: (id: string) => Promise<void>;
}

/**
 * Everything a container needs is there afterwards: image, network, volumes, and its secrets, which lie under `key` until they are removed. Rejects as
 * `Runtime.start` does.
 */
export async function containerFor(
  launch: LaunchSpec,
  { key, options }: { readonly key: string; readonly options: StartOptions },
  { engine, images, secrets }: CreatePorts,
): Promise<Ready> {
  const container = containerOf(launch);
  const { id, info } = await images.provide({ ...container, service: launch.service }, options);
  const call = options.signal ? { signal: options.signal } : {};
  const network = await ensureNetwork(engine, container.network, call);
  if (network.made && options.again)
    options.mended?.("network_lost", `the network ${container.network.name} was gone and has been made again`);
  const imageVolumes = Object.keys(info.Config.Volumes ?? {});
  await ensureVolumes(engine, mountsOf(container, imageVolumes), call);
  const placed = await secrets.place(key, container.secrets);
  const env = { [MARKER]: launch.instance, ...launch.env };
  const how = { image: id, imageVolumes, secretBinds: placed.binds, publishDialled: !isReachable(network.gateway) };
  return {
    spec: containerSpec({ ...launch, env }, how),
    own: (made) => secrets.own(engine, made, { ...placed, user: launch.user ?? "", ...call }),
  };
}

/** Makes it under its name; returns its id. What is left of a former try gives way. Throws `conflict` when the name is somebody else's. */
export async function createOwn(engine: Engine, name: string, spec: ContainerSpec): Promise<string> {
  try {
    return await createContainer(engine, name, { spec });
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "conflict") throw error;
    const there = await inspectContainer(engine, name);
    const { Labels } = there.Config;
    const mine = spec.Labels ?? {};
    if (!ownedBy(mine, Labels) || Labels[OURS.instance] !== mine[OURS.instance]) throw foreign("container", name, Labels);
    await removeContainer(engine, there.Id);
    return createContainer(engine, name, { spec });
  }
}
