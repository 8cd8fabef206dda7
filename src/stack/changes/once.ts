import { OrcoError } from "../../kernel/errors.ts";
import type { RunContext, Workflow } from "../../workflow/define.ts";
import { hasEnded, isCompleted, type Slot } from "../../supervise/instance.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import { serviceOf } from "../graph.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";

/** Throws `unsupported` for a service that is restarted whenever it ends: nobody could wait for that. */
export function refuseLasting({ name, restartPolicy }: ServiceSpec): void {
  if (restartPolicy.condition !== "always") return;
  throw new OrcoError("unsupported", `${name} is no one-shot: it is started again whenever it ends (restartPolicy.condition: always)`, {
    service: name,
    next: `a command beside it: orco exec ${name} -- …; another start of it: orco restart ${name}`,
  });
}

/**
 * Runs of kind `run`: a one-shot once more, also one that has completed, to its end. One that runs already is waited for. Cancelled, it stops what it
 * has started. Fails with `start_failed` (facts: exit_code, signal), `blocked` when what it needs is not to be had, `cancelled` when somebody stopped it.
 */
export function onceWorkflow(host: StackHost): Workflow {
  return async (context, input) => {
    const { stack: name, service } = input as unknown as { stack: string; service: string };
    const stack = host.find(name);
    const spec = serviceOf(stack?.record.spec, service);
    if (!stack || !spec) throw new OrcoError("not_found", `stack ${name} has no service ${service}`, { stack: name, service });
    refuseLasting(spec);
    const members = stack.supervisorsOf(service);
    await start(members, context);
    context.releaseLane();
    await stack.until(() => members.every((one) => !stack.has(one) || hasEnded(one.slot)) || undefined, context.signal);
    for (const member of members) await conclude(stack, member);
    return { stack: name, service };
  };
}

async function start(members: readonly Supervisor[], context: RunContext): Promise<void> {
  const before = await context.step("look", async () =>
    members.filter(({ slot }) => hasEnded(slot)).map(({ slot }) => ({ id: slot.id, instance: slot.instance ?? null })),
  );
  // Another instance than before: a former daemon has started it already.
  const ours = members.filter(({ slot }) => before.some(({ id }) => id === slot.id));
  const begin = async (supervisor: Supervisor): Promise<void> => {
    const { id, instance = null } = supervisor.slot;
    if (before.some((one) => one.id === id && one.instance === instance)) await supervisor.want("run", "run");
  };
  const undo = async (): Promise<void> => {
    for (const supervisor of ours) if (!hasEnded(supervisor.slot)) void supervisor.want("stop", "cancelled");
  };
  await context.step("start", async () => (await Promise.all(ours.map(begin)), null), { undo });
}

async function conclude(stack: Stack, supervisor: Supervisor): Promise<void> {
  const { slot } = supervisor;
  if (isCompleted(slot)) return;
  const { service } = slot;
  if (!stack.has(supervisor) || slot.state === "Stopped") throw new OrcoError("cancelled", `${service} was stopped`, { service });
  // It would start by itself as soon as what it needs is there, when nobody waits for it any more.
  if (slot.reason === "dependency_blocked") await supervisor.want("stop", "dependency_blocked");
  throw failureOf(slot);
}

function failureOf({ service, reason, message, exit }: Slot): OrcoError {
  const why = `${service} failed: ${message ?? reason.replaceAll("_", " ")}`;
  if (reason === "dependency_blocked") return new OrcoError("blocked", message ?? why, { service });
  const { code, signal } = exit ?? {};
  return new OrcoError("start_failed", why, {
    service,
    ...(code !== undefined && { exit_code: code }),
    ...(signal !== undefined && { signal }),
  });
}
