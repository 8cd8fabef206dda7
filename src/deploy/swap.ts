import { OrcoError } from "../kernel/errors.ts";
import type { App } from "./app.ts";
import { demote, drained, promote, type Release } from "./record.ts";
import type { SlotName } from "./view.ts";

/**
 * Makes the slot the live one: row first, then the table. When the table cannot be put (`port_in_use`, `conflict`) the row is taken back and the
 * error thrown. Repeated after a crash it goes on where it was.
 */
export async function swap(app: App, slot: SlotName, promoted: NonNullable<Release["promoted"]>): Promise<void> {
  if (app.row.live !== slot) {
    refuseDead(app, slot);
    const { live, previous, lastDeployAt } = app.row;
    await app.save(promote(app.row, slot, promoted), "app.swapped", { to: slot, run: promoted.run });
    try {
      await app.traffic.sync();
    } catch (error) {
      await app.save(demote(app.row, slot, { live, previous, lastDeployAt }), "app.swap_undone", { to: slot, run: promoted.run });
      await app.traffic.sync().catch(() => undefined);
      throw error;
    }
  }
  await app.traffic.sync();
}

/** It was healthy a moment ago; a daemon may have come and gone since. */
function refuseDead(app: App, slot: SlotName): void {
  const found = app.slot(slot);
  if (found?.state === "Running") return;
  throw new OrcoError("unhealthy", `the new process ended before the swap: ${found?.message ?? "it is gone"}`, {
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
  const left = app.row.draining;
  if (left === undefined) return;
  await app.stop(left, "replaced");
  await app.save(drained(app.row), "app.drained", { slot_name: left });
}
