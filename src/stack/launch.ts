import { join } from "node:path";
import { OrcoError } from "../kernel/errors.ts";
import type { Slot } from "../supervise/instance.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import type { HealthSpec } from "../supervise/health.ts";
import { type FreePorts, portHolder } from "../supervise/port.ts";
import type { LaunchSpec } from "../supervise/runtime.ts";
import { giveSecrets } from "../supervise/secrets.ts";
import type { Hook, HookName, Prepared } from "../supervise/supervised.ts";
import { aimProbes } from "./address.ts";
import { frontedPorts } from "./fronts/fronted.ts";
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

interface LaunchOptions {
  /** `$ORCO_HOME/instances`. */
  readonly instances: string;
  /** The daemon's own environment, for `secrets: {env}`. */
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
}

/**
 * Resolves everything one start needs. Throws `port_in_use` (facts: port, pid, command), `invalid` for a secret that cannot be read.
 */
export async function prepareLaunch({ slot, instance, spec, baseEnv, adopted }: LaunchRequest, options: LaunchOptions): Promise<Prepared> {
  const ports = slot.ports ?? {};
  if (!adopted) refuseTaken(spec, ports);
  const own: Record<string, string> = {
    ORCO_STACK: slot.stack,
    ORCO_SERVICE: spec.name,
    ORCO_REPLICA: String(slot.replica),
    ORCO_INSTANCE: instance,
  };
  const port = portVariable(spec, ports);
  const vars = { ...own, ...(port !== undefined && { PORT: port }) };
  const given = { ...(port !== undefined && { PORT: port }), ...numberedPorts(ports) };
  const { variables, values } = await giveSecrets(spec.secrets, {
    ...(spec.user !== undefined && { user: spec.user }),
    instance,
    dir: join(options.instances, instance, "secrets"),
    daemonEnv: options.daemonEnv,
    write: !adopted,
  });
  const declared = Object.fromEntries(Object.entries(spec.env).map(([name, value]) => [name, launchText(value, vars)]));
  const env = { ...baseEnv, ...given, ...declared, ...variables, ...own };
  const fill = (argv: readonly string[]): string[] => argv.map((word) => launchText(word, vars));
  const launch: LaunchSpec = {
    instance,
    stack: slot.stack,
    service: spec.name,
    replica: slot.replica,
    argv: fill(spec.command),
    cwd: spec.workdir,
    env,
    ...(spec.user !== undefined && { user: spec.user }),
    ...(spec.limits && { limits: spec.limits }),
  };
  const health = spec.health ? fillHealth(spec, vars) : impliedHealth(spec, ports);
  return {
    launch,
    hooks: hooksOf(spec, fill),
    stop: spec.stop.command ? { ...spec.stop, command: fill(spec.stop.command) } : spec.stop,
    ports,
    clean: new Redactor(values).clean,
    ...(health && { health: aimProbes(health, spec.ports, ports) }),
  };
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
  const fronted = new Set(frontedPorts(spec).map(({ host }) => host));
  return Object.fromEntries(
    spec.ports.map(({ host, container }) => [String(container), host !== undefined && !fronted.has(host) ? host : freePorts.next()]),
  );
}

/** Requests come as soon as it is ready: behind the edge a service without probes is ready when it listens. */
function impliedHealth(spec: ServiceSpec, ports: Readonly<Record<string, number>>): HealthSpec | undefined {
  const [first] = frontedPorts(spec);
  const port = first && ports[String(first.container)];
  return port === undefined ? undefined : { ...LISTENS, tcp: { address: `127.0.0.1:${port}` } };
}

/** Of the host's ports that the process binds itself. */
function refuseTaken({ name, ports }: ServiceSpec, assigned: Readonly<Record<string, number>>): void {
  for (const { host, container, protocol } of ports) {
    if (host === undefined || protocol === "udp" || assigned[String(container)] !== host) continue;
    const holder = portHolder(host);
    if (!holder) continue;
    const by = holder.pid === undefined ? "another process" : `pid ${holder.pid} (${holder.command})`;
    throw new OrcoError("port_in_use", `port ${host} is held by ${by}; stop it, or give ${name} another port`, { port: host, ...holder });
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
