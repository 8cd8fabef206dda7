import { posix } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import type { ContainerLaunch, LaunchSpec, VolumeMount } from "../runtime.ts";
import type { ContainerSpec, HostConfig, Mount } from "./containers.ts";
import { anonymousName } from "./ownership.ts";

/** Of docker's own log of an instance: orco copies it as it grows, and needs what was written while it was away. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "64m", "max-file": "2" } };
const NANO = 1e9;
const LOOPBACK = "127.0.0.1";
/** Published on these, a port is reached over the loopback too. */
const ON_LOOPBACK: ReadonlySet<string> = new Set([LOOPBACK, "0.0.0.0", ""]);

export interface SpecOptions {
  /** Name or id. */
  readonly image: string;
  /** Paths that the image declares as volumes. */
  readonly imageVolumes: readonly string[];
  /** Files of this machine with secrets, and where they appear. */
  readonly secretBinds: readonly { readonly source: string; readonly target: string }[];
  /** Containers cannot be reached by their own address: what is dialled is published on 127.0.0.1, on ports docker picks. */
  readonly publishDialled: boolean;
  /** Address of `host.docker.internal`; docker's own word for it unless given. */
  readonly hostGateway?: string;
}

/** The container of a launch, complete but for its name. Throws `invalid` for a mount docker has no words for. */
export function containerSpec(spec: LaunchSpec, options: SpecOptions): ContainerSpec {
  const container = containerOf(spec);
  const { network, aliases, labels, stopSignal } = container;
  return {
    Image: options.image,
    ...commandOf(container, spec.argv),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    ...(spec.cwd !== "" && { WorkingDir: spec.cwd }),
    ...(spec.user !== undefined && { User: spec.user }),
    Labels: labels,
    StopSignal: stopSignal,
    ExposedPorts: exposedPorts(container),
    HostConfig: hostConfig(spec, container, options),
    NetworkingConfig: { EndpointsConfig: { [network.name]: { Aliases: [...aliases] } } },
  };
}

/** Throws `internal` for a process. */
export function containerOf({ container, service }: LaunchSpec): ContainerLaunch {
  if (!container) throw new OrcoError("internal", `${service} is no container`, { service });
  return container;
}

/** All that is mounted: what is declared, and volumes of the image that nothing declared takes the place of. */
export function mountsOf({ volumes, anonymousVolume }: ContainerLaunch, imageVolumes: readonly string[]): VolumeMount[] {
  const declared = new Set(volumes.map(({ target }) => folder(target)));
  const missing = [...new Set(imageVolumes.map(folder))].filter((path) => !declared.has(path));
  const { prefix, labels } = anonymousVolume;
  return [
    ...volumes,
    ...missing.map((target) => ({ kind: "volume" as const, name: anonymousName(prefix, target), target, readOnly: false, labels })),
  ];
}

/** An entrypoint without a command leaves the image's command out; docker takes `[""]` for none at all. */
function commandOf({ entrypoint }: ContainerLaunch, argv: readonly string[]): Pick<ContainerSpec, "Entrypoint" | "Cmd"> {
  return {
    ...(entrypoint && { Entrypoint: entrypoint.length === 0 ? [""] : entrypoint }),
    ...(argv.length > 0 && { Cmd: argv }),
  };
}

function hostConfig({ limits = {} }: LaunchSpec, container: ContainerLaunch, options: SpecOptions): HostConfig {
  const { cpu, memory, pids } = limits;
  const { binds, mounts } = mounted(container, options);
  return {
    Binds: binds,
    Mounts: mounts,
    ...(cpu !== undefined && { NanoCpus: Math.round(cpu * NANO) }),
    // Without swap: what is over the limit is killed, as it would be anywhere else.
    ...(memory !== undefined && { Memory: memory, MemorySwap: memory }),
    ...(pids !== undefined && { PidsLimit: pids }),
    Ulimits: Object.entries(container.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
    SecurityOpt: ["no-new-privileges"],
    Init: container.init,
    NetworkMode: container.network.name,
    ExtraHosts: [`host.docker.internal:${options.hostGateway ?? "host-gateway"}`],
    LogConfig: LOG_CONFIG,
    RestartPolicy: { Name: "no" },
    PortBindings: portBindings(container, options.publishDialled),
  };
}

function mounted(container: ContainerLaunch, { imageVolumes, secretBinds }: SpecOptions): { binds: string[]; mounts: Mount[] } {
  const binds: string[] = [];
  const mounts: Mount[] = secretBinds.map(({ source, target }) => ({ Type: "bind", Source: source, Target: target, ReadOnly: true }));
  for (const mount of mountsOf(container, imageVolumes)) {
    if (mount.kind === "bind" && !hasColon(mount)) binds.push(bindOf(mount));
    else mounts.push(mountOf(mount));
  }
  return { binds, mounts };
}

/** In this form docker makes the folder of this machine when it is not there, as people are used to from compose. */
function bindOf({ source, target, readOnly, selinux }: Extract<VolumeMount, { kind: "bind" }>): string {
  return `${source}:${target}:${[readOnly ? "ro" : "rw", ...(selinux ? [selinux] : [])].join(",")}`;
}

function hasColon({ source, target }: Extract<VolumeMount, { kind: "bind" }>): boolean {
  return source.includes(":") || target.includes(":");
}

function mountOf(mount: VolumeMount): Mount {
  const { target: Target } = mount;
  if (mount.kind === "tmpfs")
    return { Type: "tmpfs", Target, ...(mount.sizeBytes !== undefined && { TmpfsOptions: { SizeBytes: mount.sizeBytes } }) };
  if (mount.kind === "volume") return { Type: "volume", Source: mount.name, Target, ReadOnly: mount.readOnly };
  if (mount.selinux)
    throw new OrcoError(
      "invalid",
      `${mount.source}: docker cannot relabel (:${mount.selinux}) a path with a colon in it; mount another path`,
    );
  return { Type: "bind", Source: mount.source, Target, ReadOnly: mount.readOnly };
}

function exposedPorts({ publish, dialled }: ContainerLaunch): Record<string, object> {
  const ports = [...publish.map(({ container, protocol }) => `${container}/${protocol}`), ...dialled.map((port) => `${port}/tcp`)];
  return Object.fromEntries(ports.map((port) => [port, {}]));
}

function portBindings({ publish, dialled }: ContainerLaunch, publishDialled: boolean): NonNullable<HostConfig["PortBindings"]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  const add = (port: string, HostIp: string, HostPort: string): unknown => (bindings[port] ??= []).push({ HostIp, HostPort });
  for (const { container, protocol, host, hostIp } of publish) add(`${container}/${protocol}`, hostIp, String(host));
  for (const port of publishDialled ? new Set(dialled) : []) {
    const there = bindings[`${port}/tcp`] ?? [];
    if (!there.some(({ HostIp }) => ON_LOOPBACK.has(HostIp))) add(`${port}/tcp`, LOOPBACK, "");
  }
  return bindings;
}

function folder(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
