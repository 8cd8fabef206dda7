import { OrcoError } from "../../kernel/errors.ts";
import { hasEnded, isCompleted } from "../../supervise/instance.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import type { Workflow } from "../../workflow/define.ts";
import type { StackHost } from "../changes/host.ts";
import { serviceOf } from "../graph.ts";
import type { Stack } from "../stack.ts";
import { scheduledOf, type ScheduleOwner } from "./book.ts";
import { inTurn, renew } from "./renew.ts";

/** The kind of runs that schedules make. */
export const SCHEDULED = "scheduled";
/** Until this step a run waits for the one before. */
export const STARTED = "start";

interface Input extends ScheduleOwner {
  /** What still runs is stopped first. */
  readonly replace: boolean;
}

/** One run of a service that its schedule made: starts it and ends as it ends. Cancelled, it stops it. */
export function scheduledWorkflow(host: StackHost): Workflow {
  return async (context, raw) => {
    const input = raw as unknown as Input;
    const { stack: name, service } = input;
    const stack = host.find(name);
    if (!stack || !serviceOf(stack.record.spec, service))
      throw new OrcoError("not_found", `stack ${name} has no service ${service}`, { stack: name, service });
    const before = await context.step("clear", async (signal) => {
      if (input.replace) endPresent(stack, service, "replaced");
      await stack.until(() => stack.supervisorsOf(service).every(({ slot }) => hasEnded(slot)) || undefined, signal);
      await renew(host, { stack, service, signal });
      return stack.supervisorsOf(service)[0]?.slot.instance ?? null;
    });
    let started: Supervisor | undefined;
    await context.step(
      STARTED,
      async () => {
        refuseUnwanted(host, input);
        started = await inTurn(stack, async () => {
          const [supervisor] = stack.supervisorsOf(service);
          const instance = supervisor?.slot.instance ?? null;
          // Another instance than before: a former daemon has started it already. None: an apply has put another slot there.
          if (instance === null || instance === before) await supervisor?.want("run", "schedule");
          return supervisor;
        });
        return null;
      },
      { undo: async () => endPresent(stack, service, "cancelled") },
    );
    // One that has ended by now may have been replaced already.
    const supervisor = started ?? stack.supervisorsOf(service)[0];
    if (!supervisor) throw new OrcoError("cancelled", `${service} was removed`);
    await stack.until(() => !stack.has(supervisor) || hasEnded(supervisor.slot) || undefined, context.signal);
    await conclude(stack, supervisor);
    return { stack: name, service };
  };
}

/** Down, a stop by hand and an apply without the schedule take it away before they stop anything: whoever comes later starts nothing. */
function refuseUnwanted(host: StackHost, owner: ScheduleOwner): void {
  const kept = scheduledOf(host.schedules, owner);
  if (!kept || kept.paused)
    throw new OrcoError("cancelled", `${owner.service} was ${kept ? "stopped by hand" : "taken off its schedule"} meanwhile`);
}

function endPresent(stack: Stack, service: string, reason: string): void {
  for (const supervisor of stack.supervisorsOf(service)) if (!hasEnded(supervisor.slot)) void supervisor.want("stop", reason);
}

async function conclude(stack: Stack, supervisor: Supervisor): Promise<void> {
  const { slot } = supervisor;
  const { service } = slot;
  if (isCompleted(slot)) return;
  const there = stack.has(supervisor);
  if (slot.state === "Stopped" || (!there && slot.state !== "Failed"))
    throw new OrcoError("cancelled", `${service} was stopped`, { service });
  const why = slot.message ?? slot.reason.replaceAll("_", " ");
  // It would start by itself as soon as what it needs is there: that is the next run's affair.
  if (there && slot.reason === "dependency_blocked") await supervisor.want("stop", "dependency_blocked");
  throw new OrcoError(slot.reason === "dependency_blocked" ? "blocked" : "start_failed", why, { service });
}
