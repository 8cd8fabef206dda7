import { OrcoError } from "../kernel/errors.ts";
import type { App } from "./app.ts";
import { hasEnded } from "../supervise/instance.ts";
import { isServing } from "./front.ts";
import { demote, drained, promote, type Release } from "./record.ts";
import type { SlotName } from "./view.ts";

/**
 * Makes the slot the live one: row first, then the table. Throws as `Traffic.put` does; then `unswap` takes the row back. Repeated after a crash it goes
 * on where it was.
 */
export async function swap(app: App, slot: SlotName, promoted: NonNullable<Release["promoted"]>): Promise<void> {
  if (app.row.live !== slot) {
    refuseDead(app, slot);
    await app.change((row) => promote(row, slot, promoted), "app.swapped", { to: slot, run: promoted.run });
  }
  // One that ended while that was written has ended as a candidate, which nobody starts again.
  const found = app.slot(slot);
  if (!found || hasEnded(found)) refuseDead(app, slot);
  await app.traffic.sync();
}

/** Takes back a swap of which the table may not have learned: whoever was live is again. */
export async function unswap(app: App, slot: SlotName, run: string): Promise<void> {
  if (app.row.live !== slot || app.row.slots[slot]?.promoted?.run !== run) return;
  await app.change((row) => demote(row, slot), "app.swap_undone", { to: slot, run });
  // It may have ended while it was the one that leaves: that is not restarted by itself.
  if (app.row.live) await app.boot(app.row.live, "swap_undone");
  await app.traffic.sync();
}

/** It was healthy a moment ago; a daemon may have come and gone since. */
function refuseDead(app: App, slot: SlotName): void {
  const found = app.slot(slot);
  if (found && isServing(found)) return;
  const what = found?.state === "Running" ? "is not healthy any more" : "ended before the swap";
  throw new OrcoError("unhealthy", `the new process ${what}: ${found?.message ?? "it is gone"}`, {
    ...(found?.exit && { exit: { ...found.exit } }),
  });
}

/** Waits until nothing is in flight on the slot that left traffic. The number of exchanges that had to be cut. */
export async function drain(app: App, signal: AbortSignal): Promise<number> {
  const left = app.row.draining;
  const supervisor = left && app.supervisor(left);
  return supervisor ? app.traffic.drained(supervisor.slot, signal) : 0;
}

/** Ends the slot that left traffic. Its worktree stays: it is the rollback target. */
export async function retire(app: App): Promise<void> {
  const { draining } = app.row;
  if (draining !== undefined) await leaveTraffic(app, draining, "replaced");
}

/** Ends what runs in a slot that is not live, once it has drained. */
export async function leaveTraffic(app: App, slot: SlotName, reason: string): Promise<void> {
  await app.stop(slot, reason);
  if (app.row.draining === slot) await app.change(drained, "app.drained", { slot_name: slot });
}
