import { hasEnded } from "../../supervise/instance.ts";
import type { StackHost } from "../changes/host.ts";
import { fill } from "../changes/slots.ts";
import { serviceOf } from "../graph.ts";
import type { Stack } from "../stack.ts";

const turns = new WeakMap<Stack, Promise<unknown>>();

/** One after the other: an apply and a run that its schedule makes would both put a new slot in the place of the same old one. */
export function inTurn<T>(stack: Stack, work: () => Promise<T>): Promise<T> {
  const done = (turns.get(stack) ?? Promise.resolve()).then(work, work);
  turns.set(stack, done);
  return done;
}

/** Between its runs a scheduled service takes its new config at once; a run goes on with the one it began with. Then it has all of its slots. */
export function renew(host: Pick<StackHost, "configHash">, of: { stack: Stack; service: string; signal: AbortSignal }): Promise<void> {
  const { stack, service, signal } = of;
  return inTurn(stack, async () => {
    const spec = serviceOf(stack.record.spec, service);
    if (!spec) return;
    const config = host.configHash(spec);
    for (const supervisor of stack.supervisorsOf(service))
      if (supervisor.slot.config !== config && hasEnded(supervisor.slot)) await stack.drop(supervisor);
    await fill(stack, { spec, wanted: "stop", reason: "scheduled", signal });
  });
}
