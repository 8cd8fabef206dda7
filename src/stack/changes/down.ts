import { dependentsOf } from "../../kernel/graph.ts";
import type { Workflow } from "../../workflow/define.ts";
import { graphOf } from "../graph.ts";
import { reconcile } from "../scheduled/book.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";
import { stopped } from "./slots.ts";

/** `orco down`: every service stops after those that depend on it; then the stack is forgotten (its logs stay). */
export function downWorkflow(host: StackHost): Workflow {
  return async (context, input) => {
    const { stack: name, volumes = false } = input as unknown as { readonly stack: string; readonly volumes?: boolean };
    const stack = host.find(name);
    if (!stack) return { stack: name };
    await context.step("schedules", async () => {
      await reconcile(host.schedules, name, undefined);
      return null;
    });
    await context.step("stop", async () => {
      await stopInOrder(stack, Object.keys(stack.record.spec.services), { reason: "shutdown", signal: context.signal });
      return null;
    });
    await context.step("forget", async () => {
      await host.forget(name, { volumes, signal: context.signal });
      return null;
    });
    return { stack: name };
  };
}

/** Stops services in reverse order of the graph, in parallel where it allows. What only waits is released at once. */
export async function stopInOrder(
  stack: Stack,
  services: readonly string[],
  options: { reason: string; signal: AbortSignal },
): Promise<void> {
  const graph = graphOf(stack.record.spec);
  const chosen = new Set(services);
  const tasks = new Map<string, Promise<void>>();
  for (const service of services) releaseWaiting(stack, service, options.reason);

  function stop(service: string): Promise<void> {
    const known = tasks.get(service);
    if (known) return known;
    const above = dependentsOf(graph, service).filter((name) => chosen.has(name));
    const task = Promise.all(above.map(stop)).then(() => stopped(stack, stack.supervisorsOf(service), options));
    tasks.set(service, task);
    return task;
  }
  await Promise.all(services.map(stop));
}

function releaseWaiting(stack: Stack, service: string, reason: string): void {
  for (const supervisor of stack.supervisorsOf(service))
    if (!supervisor.running && supervisor.slot.state === "Pending") void supervisor.want("stop", reason);
}
