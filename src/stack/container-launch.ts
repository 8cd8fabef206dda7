import { anonymousName, OURS } from "../supervise/docker/ownership.ts";
import type { Slot } from "../supervise/instance.ts";
import type { ContainerLaunch, VolumeMount } from "../supervise/runtime.ts";
import { readSecret, type SecretRef } from "../supervise/secrets.ts";
import { directPorts } from "./fronts/fronted.ts";
import { defaultNetwork, labelsOf } from "./labels.ts";
import type { LaunchOptions } from "./launch.ts";
import type { StackResources } from "./runtimes.ts";
import type { DockerSpec, ServiceSpec, StackSpec, VolumeSpec } from "./spec.ts";

interface ContainerRequest {
  readonly slot: Slot;
  readonly instance: string;
  readonly spec: ServiceSpec;
  readonly docker: DockerSpec;
  readonly secrets: ContainerLaunch["secrets"];
  readonly fill: (argv: readonly string[]) => string[];
}

/** Where secrets that are files lie in a container. */
const SECRETS_DIR = "/run/secrets";

/** What of one start only docker needs to know (stack.md, Docker). */
export function containerLaunch(request: ContainerRequest, { homeId }: LaunchOptions): ContainerLaunch {
  const { slot, instance, spec, docker, secrets, fill } = request;
  const { stack, service, replica } = slot;
  const { build, entrypoint, pull, init, ulimits } = docker;
  const shared = { [OURS.home]: homeId, [OURS.stack]: stack };
  const mine = { ...shared, [OURS.service]: service, [OURS.replica]: String(replica) };
  const prefix = `${stack}_${service}-${replica}-`;
  return {
    name: `${stack}-${service}-${replica}-${instance.replaceAll("-", "").slice(-6)}`,
    image: spec.image ?? builtName(stack, service),
    pull,
    ...(build && { build: { ...build, digest: build.digest ?? "" } }),
    ...(entrypoint && { entrypoint: fill(entrypoint) }),
    init,
    stopSignal: spec.stop.signal,
    ulimits,
    labels: { ...spec.labels, ...labelsOf(slot, { homeId, instance }) },
    network: { name: defaultNetwork(stack), labels: shared },
    aliases: [service],
    volumes: spec.volumes.map((volume) => mountOf(volume, { stack, prefix, shared, mine })),
    publish: directPorts(spec).flatMap(({ host, hostIp = "127.0.0.1", container, protocol }) =>
      host === undefined ? [] : [{ container, host, hostIp, protocol: protocol === "udp" ? "udp" : "tcp" }],
    ),
    dialled: spec.ports.flatMap(({ container, protocol }) => (protocol === "udp" ? [] : [container])),
    secrets,
    anonymousVolume: { prefix, labels: mine },
  };
}

/** Of a service that is built and gives its image no name. */
export function builtName(stack: string, service: string): string {
  return `${stack}-${service}:orco`;
}

interface Owner {
  readonly stack: string;
  readonly prefix: string;
  readonly shared: Readonly<Record<string, string>>;
  readonly mine: Readonly<Record<string, string>>;
}

function mountOf(volume: VolumeSpec, { stack, prefix, shared, mine }: Owner): VolumeMount {
  if (volume.kind === "anonymous")
    return { kind: "volume", name: anonymousName(prefix, volume.target), target: volume.target, readOnly: false, labels: mine };
  if (volume.kind !== "volume") return volume;
  const { name, target, readOnly, external } = volume;
  return external
    ? { kind: "volume", name, target, readOnly }
    : { kind: "volume", name: `${stack}_${name}`, target, readOnly, labels: shared };
}

/** What the services of a stack share in docker; undefined where none of them is a container. */
export function resourcesOf({ name, services }: StackSpec): StackResources | undefined {
  const containers = Object.values(services).filter(({ docker }) => docker !== undefined);
  if (containers.length === 0) return undefined;
  const volumes = containers.flatMap((spec) => spec.volumes.flatMap((one) => (one.kind === "volume" && !one.external ? [one.name] : [])));
  return { stack: name, network: defaultNetwork(name), volumes: [...new Set(volumes)].map((volume) => `${name}_${volume}`) };
}

/** Variables, and files to be put into the container. Throws `invalid` for one that cannot be read; an adopted instance has got its own. */
export async function containerSecrets(
  refs: Readonly<Record<string, SecretRef>>,
  { daemonEnv, lenient }: { daemonEnv: LaunchOptions["daemonEnv"]; lenient: boolean },
): Promise<{ variables: Record<string, string>; values: string[]; files: ContainerLaunch["secrets"] }> {
  const variables: Record<string, string> = {};
  const read = async (name: string, ref: SecretRef): Promise<string> =>
    readSecret(name, ref, daemonEnv).catch((error: unknown) => {
      if (!lenient) throw error;
      return "";
    });
  const all = await Promise.all(Object.entries(refs).map(async ([name, ref]) => ({ name, ref, value: await read(name, ref) })));
  for (const { name, ref, value } of all) if (ref.as === "env") variables[name] = value;
  const files = all.flatMap(({ name, ref, value }) =>
    ref.as === "file" ? [{ name, path: ref.path ?? `${SECRETS_DIR}/${name}`, value }] : [],
  );
  if (files.length > 0) variables["ORCO_SECRETS_DIR"] = SECRETS_DIR;
  return { variables, values: all.map(({ value }) => value), files };
}
