import { join } from "node:path";
import { AppRequests } from "../deploy/service.ts";
import type { Apps } from "../deploy/apps.ts";
import { StackMetrics } from "../http/stack-metrics.ts";
import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import type { daemonLog } from "../kernel/daemon-log.ts";
import { uuidv7 } from "../kernel/id.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Reserve } from "../kernel/reserve.ts";
import { stackWorkflows } from "../stack/changes/workflows.ts";
import { configHash } from "../stack/config-hash.ts";
import { assignPorts, prepareLaunch } from "../stack/launch.ts";
import { Execs } from "../stack/exec.ts";
import { lastRunOf, type ScheduleBook, scheduleLane } from "../stack/scheduled/book.ts";
import { ScheduledRuns } from "../stack/scheduled/fire.ts";
import { StackRequests } from "../stack/service.ts";
import { Stacks } from "../stack/stacks.ts";
import type { StackPorts } from "../stack/stack.ts";
import { StackStore } from "../stack/store.ts";
import { LogStore } from "../supervise/logs/store.ts";
import { buildDigest } from "../supervise/docker/build-context.ts";
import { Engine } from "../supervise/docker/engine.ts";
import { DockerRuntime } from "../supervise/runtimes/docker.ts";
import { homeId } from "../runs/home-id.ts";
import type { Slot } from "../supervise/instance.ts";
import { FreePorts } from "../supervise/port.ts";
import { secretValues } from "../supervise/secrets.ts";
import { ProcessRuntime } from "../supervise/runtimes/process.ts";
import { Runs } from "../workflow/execute.ts";
import type { Workflows } from "../workflow/define.ts";
import { RunStore } from "../workflow/store.ts";
import { buildApps, deployWorkflows } from "./apps.ts";
import { diskPorts } from "./disk.ts";
import { buildEdge } from "./edge.ts";

/** Of the runs of a schedule: one runs, one waits, and the one before has ended. */
const LOOKED_AT = 5;

export interface CoreOptions {
  readonly config: LoadedConfig["config"];
  readonly log: ReturnType<typeof daemonLog>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly reserve: Reserve;
  readonly schedules: ScheduleBook;
  /** Runs of others that this engine drives: repairs. */
  readonly more?: {
    readonly onSlot?: (slot: Slot) => void;
    readonly workflows: Workflows;
    readonly notBefore: (run: { readonly kind: string; readonly lane: string }) => number;
  };
  /** Who talks to instances beside the edge: the inference control plane. */
  readonly beside?: Pick<StackPorts, "leaving"> & { readonly onStack: NonNullable<StackPorts["onChange"]> };
  readonly onError: (error: unknown) => void;
}

/** Every part of the control plane, wired. */
export type Core = ReturnType<typeof buildCore>;

export function buildCore({ config, env, clock, journal, log, reserve, schedules, beside, more, onError }: CoreOptions) {
  const { home } = config;
  const newId = (): string => uuidv7(clock);
  const instances = join(home, "instances");
  const homeName = homeId(home);
  const metrics = new StackMetrics();
  const freePorts = new FreePorts();
  const logs = new LogStore({ root: join(home, "logs"), clock, onError });
  const disk = diskPorts({ journal, logs, reserve });
  const runtime = new ProcessRuntime({ home, clock });
  const engine = new Engine(config.dockerHost);
  const docker = new DockerRuntime({ engine, home, homeId: homeName, clock, onTrouble: () => stacks.announce(), onError });
  const edge = buildEdge({
    home,
    clock,
    log: (message, facts) => log.warn(facts, message),
    trustedProxies: config.trustedProxies,
    memoryMib: config.edgeMemoryMib,
    ...(config.accessLog !== undefined && { accessLog: config.accessLog }),
  });
  const stacks: Stacks = new Stacks({
    clock,
    runtimes: { process: runtime, docker },
    logs,
    newId,
    traffic: edge,
    store: new StackStore(journal, clock, onError),
    assign: (spec) => assignPorts(spec, freePorts),
    prepare: (request) => prepareLaunch(request, { instances, homeId: homeName, daemonEnv: env }),
    secretsOf: (spec) => secretValues(spec.secrets, env),
    configHash,
    onProbe: (slot, probe, latencyMs) => metrics.probed(slot, probe, latencyMs),
    onTransition: (slot) => noteSlot(slot, metrics, more?.onSlot),
    onChange: (stack) => beside?.onStack(stack),
    leaving: async (slot, how) => beside?.leaving?.(slot, how),
    onUpdate: (outcome) => metrics.updated(outcome),
    schedules,
    unwritable: disk.unwritable,
    lastRun: (owner) => lastRunOf(runs.list(LOOKED_AT, { lane: scheduleLane(owner) })),
  });
  const apps: Apps = buildApps({
    home,
    env,
    clock,
    journal,
    runtime,
    logs,
    newId,
    traffic: edge,
    address: config.edgeAddress,
    onSlot: (app, slot) => appRequests.watch(app, slot),
    onError,
  });
  const workflows: Workflows = { ...stackWorkflows(stacks), ...deployWorkflows(apps), ...more?.workflows };
  const runs: Runs = new Runs({
    store: new RunStore(journal, disk.write, new Set(Object.keys(more?.workflows ?? {}))),
    clock,
    newId,
    workflows,
    refusal: disk.refusal,
    ...(more && { notBefore: more.notBefore }),
    onError,
  });
  const appRequests = new AppRequests(apps, runs);
  const requests = new StackRequests(stacks, runs, { buildDigest });
  const execs = new Execs({ stacks, runtimes: { process: runtime, docker }, journal, clock, newId, onError });
  const scheduled = new ScheduledRuns(stacks, runs);
  return { scheduled, metrics, logs, runtime, docker, edge, stacks, execs, apps, runs, requests, appRequests };
}

function noteSlot(slot: Slot, metrics: StackMetrics, onSlot?: (slot: Slot) => void): void {
  if (slot.state === "Starting" && slot.restarts > 0) metrics.restarted(slot);
  onSlot?.(slot);
}

/** Adopts what runs; then the edge forgets the fronts that belong to nobody any more. */
export async function restore({ stacks, apps, edge }: Core): Promise<{ adopted: number; lost: number }> {
  const [ofStacks, ofApps] = await Promise.all([stacks.restore(), apps.restore()]);
  await edge.prune((id) => stacks.holdsFront(id) || apps.owns(id));
  return { adopted: ofStacks.adopted + ofApps.adopted, lost: ofStacks.lost + ofApps.lost };
}

/** Folders of instances that no slot knows: what ended is cleaned away, what runs is only named. */
export async function sweepLeftovers({ runtime, stacks, apps }: Core, onRunning: (instance: string, pid: number) => void): Promise<void> {
  const known = stacks.instances().union(apps.instances());
  for (const instance of runtime.instances().filter((name) => !known.has(name))) {
    const found = await runtime.adopt(instance);
    if (found.kind === "running") onRunning(instance, found.handle.pid ?? 0);
    else await runtime.forget(instance);
  }
}

/** The same of containers, once docker answers; nothing is asked where no stack has any, and none has left anything. */
export async function sweepContainers({ docker, stacks }: Core, onRunning: (container: string, name: string) => void): Promise<void> {
  if (!stacks.haveContainers() && !(await docker.hasLeftovers())) return;
  for (const { container, name } of await docker.strays(stacks.instances())) onRunning(container, name);
}
