import { hasEnded } from "../../supervise/instance.ts";
import type { StackHost } from "../changes/host.ts";
import { serviceOf } from "../graph.ts";
import type { Stack } from "../stack.ts";

/** Between its runs a scheduled service takes its new config at once; a run goes on with the one it began with. */
export async function renew(host: StackHost, stack: Stack, service: string): Promise<void> {
  const spec = serviceOf(stack.record.spec, service);
  if (!spec) return;
  const config = host.configHash(spec);
  for (const supervisor of stack.supervisorsOf(service)) {
    const { slot } = supervisor;
    if (slot.config === config || !hasEnded(slot)) continue;
    await stack.drop(supervisor);
    await stack.add(spec, slot.replica, { wanted: "stop", reason: "scheduled" });
  }
}
