import { dirname, join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { formatSpan } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { OtherInstance, Rebuild, StackInstance, StackName, StackPort, StackService } from "../repair/stack/port.ts";
import type { Work } from "../repair/target.ts";
import { builtName } from "../stack/container-launch.ts";
import { serviceOf } from "../stack/graph.ts";
import type { StackRequests } from "../stack/service.ts";
import type { ServiceSpec, StackSpec } from "../stack/spec.ts";
import type { Stack } from "../stack/stack.ts";
import type { Stacks } from "../stack/stacks.ts";
import type { Slot } from "../supervise/instance.ts";
import type { Supervisor } from "../supervise/supervisor.ts";
import { secretValues } from "../supervise/secrets.ts";
import type { Runs } from "../workflow/execute.ts";
import type { RunRow } from "../workflow/run.ts";

const MAX_LOG_LINES = 2000;
/** Starts that nobody asked for. */
const BY_POLICY = new Set(["instance_crash", "completed", "oom_killed", "lost", "removed", "probe_unready", "start_failed", "hook_failed"]);

export interface StackSide {
  readonly stacks: Stacks;
  readonly runs: Runs;
  readonly requests: StackRequests;
}

interface Options {
  readonly side: () => StackSide;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The daemon leaves: what it began is the next one's. */
  readonly isLeaving: () => boolean;
}

/** The daemon's stacks as repairs see them. */
export function stackPort({ side, clock, env, isLeaving }: Options): StackPort {
  const find = ({ stack, service }: StackName): StackService | undefined => {
    const spec = side().stacks.find(stack)?.record.spec;
    const found = spec && serviceOf(spec, service);
    return found && serviceFacts(spec, found, env);
  };
  return {
    find,
    services: () => {
      const { stacks } = side();
      const specs = stacks.names().flatMap((name) => stacks.find(name)?.record.spec ?? []);
      return specs.flatMap((spec) => Object.values(spec.services).map((service) => serviceFacts(spec, service, env)));
    },
    newest: ({ stack, service }) => {
      const found = side().stacks.find(stack);
      const newest = found && newestOf(found.supervisorsOf(service));
      return newest && instanceFacts(found, newest.slot);
    },
    others: ({ stack, service }) => (side().stacks.find(stack)?.all() ?? []).filter(({ slot }) => slot.service !== service).map(otherFacts),
    logs: async ({ stack, service, instance }, signal) => {
      const query = { tail: MAX_LOG_LINES, ...(instance !== undefined && { instance }) };
      const lines = await Array.fromAsync(side().stacks.logs(stack, { services: [service], query, signal }));
      return lines.filter(({ source }) => source !== "orco").map(({ message }) => message);
    },
    rebuild: (rebuild, work) => rebuilt(rebuild, work, { side: side(), clock, isLeaving }),
    isGone: async (name, signal) => {
      const { runs } = side();
      const down = runs.underWay({ stack: name.stack }).find(({ kind }) => kind === "down");
      if (down) await runs.settled(down.id, signal);
      return find(name) === undefined;
    },
    cancelLeft: async (repair) => {
      const { runs } = side();
      const left = runs.underWay({ repair }).filter(({ kind }) => kind === "rebuild");
      await Promise.all(left.map(({ id }) => cancelled(runs, id)));
    },
  };
}

function serviceFacts(spec: StackSpec, service: ServiceSpec, env: Options["env"]): StackService {
  const { name, docker, image, health, volumes, update, replicas, stop } = service;
  const { build, init = false, entrypoint } = docker ?? {};
  const command = health?.command?.command;
  return {
    stack: spec.name,
    service: name,
    file: spec.file ?? join(spec.workdir, "stack.yaml"),
    folder: spec.file === undefined ? spec.workdir : dirname(spec.file),
    services: Object.keys(spec.services),
    imageName: image ?? builtName(spec.name, name),
    ...(build && { build: { ...build, digest: build.digest ?? "" } }),
    config: {
      ...(image !== undefined && { image }),
      init,
      ...(entrypoint && { entrypoint }),
      ...(service.command.length > 0 && { command: service.command }),
      bindTargets: volumes.flatMap((volume) => (volume.kind === "bind" ? [volume.target] : [])),
      ...(command && { healthcheck: { test: ["CMD", ...command] } }),
      environment: service.env,
    },
    secrets: secretValues(service.secrets, env),
    others: Object.values(spec.services).flatMap((other) => (other.name === name ? [] : (other.docker?.build?.context ?? []))),
    ...(service.repair !== undefined && { repair: service.repair }),
    isScheduled: service.schedule !== undefined,
    updateMs: replicas * (update.observationWindowMs + update.drainTimeoutMs + stop.timeoutMs),
  };
}

function newestOf(members: readonly Supervisor[]): Supervisor | undefined {
  const at = ({ slot }: Supervisor): number => slot.startedAt ?? slot.createdAt;
  return members.toSorted((a, b) => at(b) - at(a))[0];
}

function instanceFacts(stack: Stack, slot: Slot): StackInstance {
  const { state, wanted, ready, wasReady = false, reason, message, exit, restarts, startedAt, instance, container, address, config } = slot;
  return {
    state,
    wanted,
    ready,
    wasReady,
    reason,
    restarts,
    version: config,
    isProbed: stack.specOf(slot)?.health !== undefined,
    ...(message !== undefined && { message }),
    ...(exit && { exit: { ...(exit.code !== undefined && { code: exit.code }), oomKilled: exit.reason === "oom_killed", at: exit.at } }),
    ...(startedAt !== undefined && { startedAt }),
    ...(instance !== undefined && { instance }),
    ...(container !== undefined && { container }),
    ...(address !== undefined && { address }),
  };
}

function otherFacts({ slot }: Supervisor): OtherInstance {
  const { id, service, config, instance, container, reason, exit } = slot;
  return {
    slot: id,
    service,
    version: config,
    ...(instance !== undefined && { instance }),
    ...(container !== undefined && { container }),
    startedByItself: exit !== undefined && (BY_POLICY.has(reason) || reason === "probe_ready"),
  };
}

/** A run of the stack's own, waited for: whoever gives up waiting ends it, but for a daemon that leaves. */
async function rebuilt(
  { stack, service, repair, timeoutMs, ...change }: Rebuild,
  { signal, onLine }: Work,
  { side, clock, isLeaving }: { side: StackSide; clock: Clock; isLeaving: () => boolean },
): Promise<void> {
  const { runs, requests } = side;
  const { digest, way, wasWell, wanted } = change;
  const { id } = await requests.rebuild({ stack, service }, { digest, way, wasWell, wanted }, repair);
  onLine(`run ${id} of stack ${stack} ${way === "on" ? "brings the new image" : "brings the former image back"}`);
  const late = new AbortController();
  const cancel = clock.after(timeoutMs, () => late.abort());
  try {
    ended(await runs.settled(id, AbortSignal.any([signal, late.signal])), service);
  } catch (error) {
    if (!signal.aborted && !late.signal.aborted) throw error;
    if (!isLeaving()) await cancelled(runs, id);
    signal.throwIfAborted();
    throw new OrcoError(
      "timeout",
      `${service} was not replaced within ${formatSpan(timeoutMs)}; restart_timeout in orco.repair.yaml allows more`,
    );
  } finally {
    cancel();
  }
}

function ended({ status, error }: RunRow, service: string): void {
  if (status === "completed") return;
  const { why, log } = error?.facts ?? {};
  const reason = typeof why === "string" ? why : (error?.message ?? status);
  throw new OrcoError("start_failed", `${service} does not come up: ${reason}`, { log: log ?? [] });
}

/** One that has ended meanwhile needs not. */
async function cancelled(runs: Runs, id: string): Promise<void> {
  try {
    await runs.cancel(id, "the repair that asked for it does not wait any longer");
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "conflict") throw error;
  }
}
