import { join } from "node:path";
import { OrcoError } from "../kernel/errors.ts";
import type { Slot } from "../supervise/instance.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import type { HealthSpec } from "../supervise/health.ts";
import { type FreePorts, portHolder } from "../supervise/port.ts";
import type { ContainerLaunch, LaunchSpec } from "../supervise/runtime.ts";
import { giveSecrets } from "../supervise/secrets.ts";
import type { Hook, HookName, Prepared } from "../supervise/supervised.ts";
import { aimProbes } from "./address.ts";
import { containerLaunch, containerSecrets } from "./container-launch.ts";
import { directPorts, frontedPorts } from "./fronts/fronted.ts";
import { launchText } from "./load/launch.ts";
import type { ServiceSpec } from "./spec.ts";

/** It has not failed by being deaf: only requests are kept from it. */
const LISTENS: HealthSpec = {
  gracePeriodMs: 0,
  intervalMs: 2000,
  timeoutMs: 1000,
  failureThreshold: 3,
  successThreshold: 1,
  onUnready: "none",
};

export interface LaunchRequest {
  readonly slot: Slot;
  readonly instance: string;
  readonly spec: ServiceSpec;
  readonly baseEnv: Readonly<Record<string, string>>;
  /** It runs already: ports are those it has, nothing is written. */
  readonly adopted: boolean;
}

export interface LaunchOptions {
  /** `$ORCO_HOME/instances`. */
  readonly instances: string;
  /** Names this home among those that share a docker. */
  readonly homeId: string;
  /** The daemon's own environment, for `secrets: {env}`. */
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
}

/**
 * Resolves everything one start needs. Throws `port_in_use` (facts: port, pid, command), `invalid` for a secret that cannot be read.
 */
export async function prepareLaunch({ slot, instance, spec, baseEnv, adopted }: LaunchRequest, options: LaunchOptions): Promise<Prepared> {
  const ports = slot.ports ?? {};
  if (!adopted) refuseTaken(spec);
  const own: Record<string, string> = {
    ORCO_STACK: slot.stack,
    ORCO_SERVICE: spec.name,
    ORCO_REPLICA: String(slot.replica),
    ORCO_INSTANCE: instance,
  };
  const port = portVariable(spec, ports);
  const vars = { ...own, ...(port !== undefined && { PORT: port }) };
  const given = { ...(port !== undefined && { PORT: port }), ...numberedPorts(ports) };
  const { variables, values, files } = await secretsFor({ spec, instance, adopted }, options);
  const declared = Object.fromEntries(Object.entries(spec.env).map(([name, value]) => [name, launchText(value, vars)]));
  // A container has its image's PATH and HOME, not this machine's.
  const env = { ...(spec.docker ? {} : baseEnv), ...given, ...declared, ...variables, ...own };
  const fill = (argv: readonly string[]): string[] => argv.map((word) => launchText(word, vars));
  const launch: LaunchSpec = {
    instance,
    stack: slot.stack,
    service: spec.name,
    replica: slot.replica,
    argv: fill(spec.command),
    cwd: spec.docker ? (spec.docker.workdir ?? "") : spec.workdir,
    env,
    ...(spec.user !== undefined && { user: spec.user }),
    ...(spec.limits && { limits: spec.limits }),
    ...(spec.docker && { container: containerLaunch({ slot, instance, spec, docker: spec.docker, secrets: files, fill }, options) }),
  };
  const health = spec.health ? fillHealth(spec, vars) : impliedHealth(spec);
  return {
    launch,
    hooks: hooksOf(spec, fill),
    stop: spec.stop.command ? { ...spec.stop, command: fill(spec.stop.command) } : spec.stop,
    ports,
    clean: new Redactor(values).clean,
    ...(health && { health, aim: (found, at) => aimProbes(found, spec.ports, at) }),
  };
}

interface Secrets {
  readonly variables: Readonly<Record<string, string>>;
  readonly values: readonly string[];
  /** Of a container: put into it. */
  readonly files: ContainerLaunch["secrets"];
}

async function secretsFor(
  { spec, instance, adopted }: { spec: ServiceSpec; instance: string; adopted: boolean },
  { instances, daemonEnv }: LaunchOptions,
): Promise<Secrets> {
  if (spec.docker) return containerSecrets(spec.secrets, { daemonEnv, lenient: adopted });
  const given = await giveSecrets(spec.secrets, {
    ...(spec.user !== undefined && { user: spec.user }),
    instance,
    dir: join(instances, instance, "secrets"),
    daemonEnv,
    write: !adopted,
  });
  return { ...given, files: [] };
}

function fillHealth(spec: ServiceSpec, vars: Readonly<Record<string, string>>): NonNullable<ServiceSpec["health"]> {
  // Launch variables may stand anywhere in the block; its shape has no keys that look like one.
  const filled = JSON.parse(JSON.stringify(spec.health), (_key, value: unknown) =>
    typeof value === "string" ? launchText(value, vars) : value,
  ) as ServiceSpec["health"];
  return filled as NonNullable<ServiceSpec["health"]>;
}

function hooksOf(spec: ServiceSpec, fill: (argv: readonly string[]) => string[]): Partial<Record<HookName, Hook>> {
  return Object.fromEntries(
    Object.entries(spec.hooks).map(([name, hook]) => [name, { command: fill(hook.command), timeoutMs: hook.timeoutMs }]),
  );
}

/**
 * The ports of an instance that is to start: a host port that the edge fronts, or that is not declared, becomes a free port of orco's choice; any
 * other the process binds itself.
 */
export function assignPorts(spec: ServiceSpec, freePorts: FreePorts): Record<string, number> {
  // Each container has all ports to itself.
  if (spec.docker) return Object.fromEntries(spec.ports.map(({ container }) => [String(container), container]));
  const fronted = new Set(frontedPorts(spec).map(({ host }) => host));
  return Object.fromEntries(
    spec.ports.map(({ host, container }) => [String(container), host !== undefined && !fronted.has(host) ? host : freePorts.next()]),
  );
}

/** Requests come as soon as it is ready: behind the edge a service without probes is ready when it listens. */
function impliedHealth(spec: ServiceSpec): HealthSpec | undefined {
  const [first] = frontedPorts(spec);
  return first && { ...LISTENS, tcp: { address: `127.0.0.1:${first.host}` } };
}

/** Of the host's ports that the service has to itself. */
function refuseTaken(spec: ServiceSpec): void {
  const { name } = spec;
  // Docker publishes on one address; a process may listen on all of them.
  const address = spec.runtime === "docker" ? "127.0.0.1" : undefined;
  for (const { host, hostIp = address, protocol } of directPorts(spec)) {
    if (host === undefined || protocol === "udp") continue;
    const holder = portHolder(host, hostIp);
    if (!holder) continue;
    const by = holder.pid === undefined ? holder.command : `pid ${holder.pid} (${holder.command})`;
    throw new OrcoError("port_in_use", `port ${host} is held by ${by}; end that and orco restart ${name}, or give ${name} another port`, {
      port: host,
      ...holder,
    });
  }
}

/** `PORT_9090` beside PORT where a service has several. */
function numberedPorts(ports: Readonly<Record<string, number>>): Record<string, string> {
  const all = Object.entries(ports);
  return all.length > 1 ? Object.fromEntries(all.map(([container, port]) => [`PORT_${container}`, String(port)])) : {};
}

function portVariable(spec: ServiceSpec, ports: Readonly<Record<string, number>>): string | undefined {
  const first = spec.ports[0];
  const port = first && ports[String(first.container)];
  return port === undefined ? undefined : String(port);
}
