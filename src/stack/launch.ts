import { readFileSync } from "node:fs";
import { chown, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, OrcoError } from "../kernel/errors.ts";
import type { Slot } from "../supervise/instance.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import type { HealthSpec } from "../supervise/health.ts";
import { type FreePorts, portHolder } from "../supervise/port.ts";
import type { LaunchSpec } from "../supervise/runtime.ts";
import type { Hook, HookName, Prepared } from "../supervise/supervised.ts";
import { runAs } from "../supervise/user.ts";
import { aimProbes } from "./address.ts";
import { frontedPorts } from "./fronts/fronted.ts";
import { reasonOf } from "./load/files.ts";
import { launchText } from "./load/launch.ts";
import type { SecretRef, ServiceSpec } from "./spec.ts";

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
  const { variables, values } = await secretsFor(spec, {
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

interface SecretsOptions {
  readonly instance: string;
  readonly dir: string;
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
  readonly write: boolean;
}

interface Secrets {
  readonly variables: Readonly<Record<string, string>>;
  readonly values: readonly string[];
}

/** Variables that carry secrets, or the directory that holds them as files (0400). */
async function secretsFor(spec: ServiceSpec, { instance, dir, daemonEnv, write }: SecretsOptions): Promise<Secrets> {
  const variables: Record<string, string> = {};
  const values: string[] = [];
  for (const [name, ref] of Object.entries(spec.secrets)) {
    const value = await readSecret(name, ref, daemonEnv).catch((error: unknown) => {
      if (write) throw error;
      // It runs already: what it was given is no longer ours to refuse.
      return "";
    });
    values.push(value);
    if (ref.as === "env") {
      variables[name] = value;
      continue;
    }
    variables["ORCO_SECRETS_DIR"] = dir;
    if (!write) continue;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeSecret(ref.path ?? join(dir, name), value, { instance, user: spec.user });
  }
  return { variables, values };
}

/** Takes the place of what is there, a link too; other replicas may be reading it. */
async function writeSecret(path: string, value: string, { instance, user }: { instance: string; user: string | undefined }): Promise<void> {
  const fresh = `${path}.${instance}`;
  const owner = user === undefined ? undefined : runAs(user);
  await writeFile(fresh, value, { mode: 0o400, flag: "wx" });
  if (owner) await chown(fresh, owner.uid, owner.gid);
  await rename(fresh, path);
}

/** Throws `invalid` naming the secret and where it was looked for; never its value. */
async function readSecret(name: string, ref: SecretRef, daemonEnv: Readonly<Record<string, string | undefined>>): Promise<string> {
  if ("env" in ref.from) {
    const value = daemonEnv[ref.from.env];
    if (value === undefined)
      throw new OrcoError(
        "invalid",
        `secret ${name}: ${ref.from.env} is not set in the daemon's environment; set it and start the daemon again`,
        { secret: name },
      );
    return value;
  }
  try {
    return (await readFile(ref.from.file, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw new OrcoError("invalid", `secret ${name}: cannot read ${ref.from.file}: ${reasonOf(errnoOf(error), error)}`, {
      secret: name,
      file: ref.from.file,
    });
  }
}

/** Values of a service's secrets as they are now, for redaction; those that cannot be read have none to hide. */
export function secretValues(spec: ServiceSpec, daemonEnv: Readonly<Record<string, string | undefined>>): string[] {
  return Object.values(spec.secrets).flatMap((ref) => {
    const value = "env" in ref.from ? daemonEnv[ref.from.env] : readIfThere(ref.from.file);
    return value === undefined || value === "" ? [] : [value.replace(/\r?\n$/, "")];
  });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
