import { isLive, type Slot } from "./instance.ts";
import type { Adopted, Runtime } from "./runtime.ts";
import type { Supervisor } from "./supervisor.ts";

/**
 * Takes over the slot of a former daemon: its instance is adopted, the last lines of those that ended are read on, and `supervise` sets a
 * supervisor to work. Returns what became of the instance; idle: there was none.
 */
export async function adoptSlot(
  slot: Slot,
  runtime: Runtime,
  supervise: (slot: Slot, adopted?: Adopted) => Supervisor,
): Promise<Adopted["kind"] | "idle"> {
  const lives = isLive(slot.state) && slot.instance !== undefined;
  const adopted = lives && slot.instance !== undefined ? await runtime.adopt(slot.instance) : undefined;
  const { drains } = supervise(slot, adopted).endings;
  const ended = (slot.draining ?? []).filter((instance) => !isLive(slot.state) || instance !== slot.instance);
  for (const instance of ended) {
    const found = await runtime.adopt(instance);
    const spools = found.kind === "running" ? undefined : found.spools;
    if (spools) drains.resume(instance, spools, Promise.resolve());
    else drains.drop(instance);
  }
  return adopted?.kind ?? "idle";
}
