import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { RunContext, Workflow } from "../../workflow/define.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import { hopeless } from "../gate.ts";
import { serviceOf } from "../graph.ts";
import { sharedVolume } from "../load/shared-data.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";
import { replace } from "./replace.ts";
import { settle } from "./settle.ts";
import { fill, stopped } from "./slots.ts";

interface ActInput {
  readonly stack: string;
  readonly service: string;
  readonly replicas?: number;
}

/** Runs of kind `start`, `stop`, `restart` and `scale`: one service of one stack. */
export function actWorkflows(host: StackHost): Readonly<Record<"start" | "stop" | "restart" | "scale", Workflow>> {
  const on = (
    act: (stack: Stack, service: string, call: { context: RunContext; replicas: number }) => Promise<string[] | void>,
  ): Workflow => {
    return async (context, input) => {
      const { stack: name, service, replicas = 0 } = input as unknown as ActInput;
      const stack = host.find(name);
      if (!stack || !serviceOf(stack.record.spec, service))
        throw new OrcoError("not_found", `stack ${name} has no service ${service}`, { stack: name, service });
      const warnings = (await act(stack, service, { context, replicas })) ?? [];
      return { stack: name, service, ...(warnings.length > 0 && { warnings }) };
    };
  };
  return {
    start: on(async (stack, service, call) => {
      if (isScheduled(stack, service)) await host.schedules.pause({ stack: stack.name, service }, false);
      await start(stack, service, call);
    }),
    stop: on(async (stack, service, call) => {
      // Before it stops: no run begins afterwards.
      if (isScheduled(stack, service)) await host.schedules.pause({ stack: stack.name, service }, true);
      await stop(stack, service, call);
    }),
    restart: on(restart),
    scale: on((stack, service, call) => scale(host, { stack, service, ...call })),
  };
}

function isScheduled(stack: Stack, service: string): boolean {
  return serviceOf(stack.record.spec, service)?.schedule !== undefined;
}

async function start(stack: Stack, service: string, { context }: { context: RunContext }): Promise<void> {
  await context.step("start", async () => {
    await Promise.all(stack.supervisorsOf(service).map((supervisor) => supervisor.want("run", "start")));
    return null;
  });
  context.releaseLane();
  await settle(stack, [service], context);
}

async function stop(stack: Stack, service: string, { context }: { context: RunContext }): Promise<void> {
  await stopped(stack, stack.supervisorsOf(service), { reason: "stop", signal: context.signal });
}

/**
 * One replica after the other, each ready (or at rest) before the next. The lane is free meanwhile: what a later change stops or
 * removes is passed over, also by a daemon that resumes the run.
 */
async function restart(stack: Stack, service: string, { context }: { context: RunContext }): Promise<void> {
  const members = stack.supervisorsOf(service);
  const begun = await context.step("begin", async () =>
    members.map(({ slot }) => ({ id: slot.id, instance: slot.instance ?? null, stopped: slot.wanted === "stop" })),
  );
  context.releaseLane();
  for (const supervisor of members) {
    const { id, replica } = supervisor.slot;
    await context.step(`restart ${service}/${replica} ${id.slice(-6)}`, async () => {
      const before = begun.find((one) => one.id === id);
      const stopped = supervisor.slot.wanted === "stop" && before?.stopped !== true;
      const options = { before: before?.instance ?? undefined, signal: context.signal };
      if (!stopped && stack.has(supervisor)) await restartOne(stack, supervisor, options);
      return null;
    });
  }
  await settle(stack, [service], context);
}

interface RestartOptions {
  /** The instance that is to go. Where it has gone already, a former daemon has asked for the restart. */
  readonly before: string | undefined;
  readonly signal: AbortSignal;
}

async function restartOne(stack: Stack, supervisor: Supervisor, { before, signal }: RestartOptions): Promise<void> {
  const { service, instance } = supervisor.slot;
  if (instance === before) await supervisor.restart("restart");
  const failure = await stack.until(() => {
    const { slot } = supervisor;
    const why = slot.instance === before ? undefined : hopeless(service, stack.decided());
    if (why !== undefined) return why;
    const leftAlone = !stack.has(supervisor) || slot.wanted === "stop";
    const again = slot.instance !== before && (slot.ready || slot.state === "Stopped");
    const waits = slot.state === "Pending" && slot.message?.startsWith("waiting for");
    return leftAlone || again || waits ? "" : undefined;
  }, signal);
  if (failure) throw new OrcoError("blocked", failure, { stack: stack.name, chain: [failure] });
}

interface ScaleCall {
  readonly stack: Stack;
  readonly service: string;
  readonly context: RunContext;
  readonly replicas: number;
}

/** What it warns of. */
async function scale(host: StackHost, { stack, service, context, replicas }: ScaleCall): Promise<string[]> {
  const target = await context.step("scale", async () => {
    const { record } = stack;
    const spec = { ...record.spec.services[service], replicas } as ServiceSpec;
    await host.desire({ ...record, spec: { ...record.spec, services: { ...record.spec.services, [service]: spec } } }, "stack.scaled");
    return spec as unknown as JsonObject;
  });
  const spec = target as unknown as ServiceSpec;
  const from = stack.outdated(spec);
  const shared = sharedVolume(spec, replicas);
  // With more than one the edge listens on the host port, and each instance on one of its own: that needs new ones.
  if (from) await replace(host, context, { stack, from, target: spec, wanted: "run" });
  else
    await context.step("slots", async () => {
      await fill(stack, { spec, wanted: "run", reason: "scaled", signal: context.signal });
      const stoppedOnes = stack.supervisorsOf(service).filter(({ slot }) => slot.wanted === "stop");
      await Promise.all(stoppedOnes.map((supervisor) => supervisor.want("run", "scaled")));
      return null;
    });
  context.releaseLane();
  await settle(stack, [service], context);
  return shared ? [`${shared.message} (${shared.hint})`] : [];
}
