import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { dependenciesOf } from "../../kernel/graph.ts";
import type { RunContext, Workflow } from "../../workflow/define.ts";
import { graphOf, serviceOf } from "../graph.ts";
import { planChanges } from "../plan.ts";
import { renew } from "../scheduled/renew.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackRecord } from "../store.ts";
import { withBuildLog } from "./build-log.ts";
import { stopInOrder } from "./down.ts";
import type { StackHost } from "./host.ts";
import { settle } from "./settle.ts";
import { fill, stopped } from "./slots.ts";
import { replace } from "./replace.ts";

/** Input of a run of kind `apply`. */
export interface ApplyInput {
  readonly record: StackRecord;
  /** Services to start: these and what they need; absent: all. */
  readonly selected?: readonly string[];
  /** `up`: also start what was stopped by hand. */
  readonly start: boolean;
  /** What the file is warned of, told when it has been applied. */
  readonly warnings?: readonly string[];
}

interface Moves {
  readonly removed: readonly string[];
  /** Services whose instances must be replaced, with the spec they leave. */
  readonly changed: readonly { readonly service: string; readonly from: ServiceSpec }[];
  /** Running services that from now on run by a schedule. */
  readonly scheduled?: readonly string[];
  readonly count: number;
}

/**
 * `orco up` and `orco apply`: makes the given spec the desired one and moves only what differs, in graph order.
 * The lane is held while something moves, not while the run only waits for readiness.
 */
export function applyWorkflow(host: StackHost): Workflow {
  return async (context, raw) => {
    const input = raw as unknown as ApplyInput;
    const { record } = input;
    const moves = await context.step("plan", async () => movesOf(host, record) as unknown as JsonObject);
    const { removed, changed, scheduled = [], count } = moves as unknown as Moves;
    await removeServices(host, context, { name: record.spec.name, removed });
    await desire(host, context, record);
    const stack = host.find(record.spec.name);
    if (!stack) throw new OrcoError("internal", `stack ${record.spec.name} vanished while it was applied`);
    const replaced = new Set(changed.map(({ service }) => service));
    await context.step("slots", async () => {
      const halted = scheduled.flatMap((service) => stack.supervisorsOf(service));
      await stopped(stack, halted, { reason: "scheduled", signal: context.signal });
      await fillAll(host, input, { stack, replaced, signal: context.signal });
      return null;
    });
    await updateAll(host, context, { stack, changed, input });
    context.releaseLane();
    const awaited = input.selected ?? Object.keys(record.spec.services);
    await settle(
      stack,
      awaited.filter((service) => serviceOf(record.spec, service)?.schedule === undefined),
      context,
    ).catch(async (error: unknown) => {
      throw await withBuildLog(host, stack, error);
    });
    return { changes: count, ...(input.warnings && { warnings: input.warnings }) };
  };
}

/** Ports first, then names in docker: one that is held fails the apply before anything has moved. */
async function desire(host: StackHost, context: RunContext, record: StackRecord): Promise<void> {
  const opened = await context.step("ports", () => host.reserve(record.spec));
  try {
    await context.step("docker", async () => {
      await host.claim(record.spec);
      return null;
    });
    await context.step("desired", async () => {
      await host.desire(record, "stack.applied");
      return null;
    });
  } catch (error) {
    await host.release(opened);
    throw error;
  }
}

function movesOf(host: StackHost, record: StackRecord): Moves {
  const current = host.find(record.spec.name)?.carriedOut(record.spec);
  const plan = planChanges(current, record.spec);
  const changed = Object.values(record.spec.services).flatMap((spec) => {
    if (spec.schedule) return [];
    const from = host.find(record.spec.name)?.outdated(spec) ?? serviceOf(current, spec.name);
    return from && host.configHash(from) !== host.configHash(spec) ? [{ service: spec.name, from }] : [];
  });
  const formerly = host.find(record.spec.name)?.record.spec;
  const scheduled = Object.values(record.spec.services)
    .filter(({ name, schedule }) => schedule && serviceOf(formerly, name)?.schedule === undefined)
    .map(({ name }) => name);
  return {
    scheduled,
    removed: plan.services.filter(({ action }) => action === "remove").map(({ service }) => service),
    changed,
    count: plan.changes,
  };
}

async function removeServices(
  host: StackHost,
  context: RunContext,
  { name, removed }: { name: string; removed: readonly string[] },
): Promise<void> {
  const stack = host.find(name);
  if (removed.length === 0 || !stack) return;
  await context.step("remove", async () => {
    await stopInOrder(stack, removed, { reason: "removed", signal: context.signal });
    for (const service of removed) for (const supervisor of stack.supervisorsOf(service)) await stack.drop(supervisor);
    return null;
  });
}

/** Slots of services that need no replacement: as many as wanted, started where that was asked. */
async function fillAll(
  host: StackHost,
  input: ApplyInput,
  { stack, replaced, signal }: { stack: Stack; replaced: ReadonlySet<string>; signal: AbortSignal },
): Promise<void> {
  const chosen = new Set(input.selected ?? Object.keys(stack.record.spec.services));
  const kept = Object.values(stack.record.spec.services).filter(({ name }) => !replaced.has(name));
  await Promise.all(
    kept.map(async (spec) => {
      const present = stack.supervisorsOf(spec.name);
      if (spec.schedule) return fillScheduled(host, { stack, spec, signal, resume: input.start && chosen.has(spec.name) });
      // What its schedule has not started yet, and never will again, nobody has stopped.
      const stoppedByHand = present.length > 0 && present.every(({ slot }) => slot.wanted === "stop" && slot.reason !== "scheduled");
      const run = chosen.has(spec.name) && (input.start || !stoppedByHand);
      await fill(stack, { spec, wanted: run ? "run" : "stop", reason: present.length > 0 ? "scaled" : "initial_start", signal });
      // One-shots that completed stay completed: `up` a second time does nothing.
      const resting = stack.supervisorsOf(spec.name).filter(({ slot }) => slot.wanted === "stop" || slot.state === "Failed");
      if (run && (input.start || resting.every(({ slot }) => slot.reason === "scheduled")))
        await Promise.all(resting.map((supervisor) => supervisor.want("run", "start")));
    }),
  );
}

async function fillScheduled(
  host: StackHost,
  { stack, spec, signal, resume }: { stack: Stack; spec: ServiceSpec; signal: AbortSignal; resume: boolean },
): Promise<void> {
  await renew(host, { stack, service: spec.name, signal });
  if (resume) await host.schedules.pause({ stack: stack.name, service: spec.name }, false);
}

interface UpdateAll {
  readonly stack: Stack;
  readonly changed: Moves["changed"];
  readonly input: ApplyInput;
}

/** Updates changed services, each after the changed ones it depends on; one that fails blocks only those that need it. */
async function updateAll(host: StackHost, context: RunContext, { stack, changed, input }: UpdateAll): Promise<void> {
  const graph = graphOf(stack.record.spec);
  const tasks = new Map<string, Promise<void>>();
  const one = (service: string): Promise<void> => {
    const known = tasks.get(service);
    if (known) return known;
    const from = changed.find((change) => change.service === service)?.from;
    const before = dependenciesOf(graph, service).filter((name) => changed.some((change) => change.service === name));
    const task = afterAll(before.map(one), () => (from ? keep(host, context, { stack, from }) : undefined)).then(() =>
      from ? replaceOne(host, context, { stack, input, from }) : undefined,
    );
    tasks.set(service, task);
    return task;
  };
  const results = await Promise.allSettled(changed.map(({ service }) => one(service)));
  const failures = results.filter((result) => result.status === "rejected").map((result) => result.reason as unknown);
  if (failures.length > 0) throw failures[0];
}

async function afterAll(before: readonly Promise<void>[], blocked: () => Promise<void> | undefined): Promise<void> {
  try {
    await Promise.all(before);
  } catch (error) {
    await blocked();
    throw error;
  }
}

/** A service whose turn never comes is wanted as it is: a scale or a new replica must not bring the version that was given up. */
async function keep(host: StackHost, context: RunContext, { stack, from }: { stack: Stack; from: ServiceSpec }): Promise<void> {
  await context.step(`keep ${from.name}`, async () => {
    await host.desireService(stack.name, from, "stack.rolled_back");
    return null;
  });
}

function replaceOne(
  host: StackHost,
  context: RunContext,
  { stack, input, from }: { stack: Stack; input: ApplyInput; from: ServiceSpec },
): Promise<void> {
  const target = input.record.spec.services[from.name] as ServiceSpec;
  const present = stack.supervisorsOf(from.name);
  const stoppedByHand = present.length > 0 && present.every(({ slot }) => slot.wanted === "stop");
  const chosen = input.selected?.includes(from.name) ?? true;
  return replace(host, context, { stack, from, target, wanted: stoppedByHand && !(input.start && chosen) ? "stop" : "run" });
}
