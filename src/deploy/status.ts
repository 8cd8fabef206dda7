import type { Slot } from "../supervise/instance.ts";
import { isServing } from "./front.ts";
import { liveRelease, previousRelease, type AppRow } from "./record.ts";
import type { AppStatus, SlotName } from "./view.ts";

/** The six fields of the document, and ours (view.ts). `slot`: of the live one, as it is at this very moment. */
export function appStatus(row: AppRow, slot: Slot | undefined, run: string | undefined): AppStatus {
  const live = liveRelease(row);
  const previous = previousRelease(row);
  const healthy = slot !== undefined && live !== undefined && isServing(slot, live);
  const message = healthy ? undefined : whyNot(row, slot);
  return {
    live_slot: row.live ?? null,
    live_commit: live?.commit ?? null,
    previous_slot: previous ? previousSlot(row) : null,
    previous_commit: previous?.commit ?? null,
    last_deploy_time: row.lastDeployAt === undefined ? null : new Date(row.lastDeployAt).toISOString(),
    healthy,
    app: row.name,
    port: live?.contract.port ?? row.contract?.port ?? null,
    restarts: slot?.restarts ?? 0,
    ...(message !== undefined && { message }),
    ...(run !== undefined && { run }),
  };
}

function previousSlot(row: AppRow): SlotName | null {
  return row.aside && row.aside.slot !== row.live ? row.aside.slot : (row.previous ?? null);
}

function whyNot(row: AppRow, slot: Slot | undefined): string {
  if (row.live === undefined) return "nothing is deployed yet; orco deploy does it";
  if (!slot) return `slot ${row.live} does not run`;
  return slot.message ?? `slot ${row.live} is ${slot.state} (${slot.reason})`;
}
