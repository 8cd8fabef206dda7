import type { SlotCell } from "./cell.ts";
import type { Slot } from "./instance.ts";
import type { Handle, StartOptions } from "./runtime.ts";
import type { Prepared, SupervisorPorts } from "./supervised.ts";

/** Of the start before, and not of the one that begins. */
export const UNKNOWN_YET: Partial<Slot> = {
  ready: false,
  message: undefined,
  exit: undefined,
  pid: undefined,
  readyAt: undefined,
  wasReady: false,
  nextStartAt: undefined,
  address: undefined,
  container: undefined,
};

/** Where a running instance is found. */
export function placeOf({ pid, container, endpoint }: Handle, { ports }: Prepared): Partial<Slot> {
  return { pid, container, address: endpoint?.host, ports: endpoint?.ports ?? ports };
}

/** What a start tells while it takes its time becomes the slot's message and its service's log. */
export function startOptions(cell: SlotCell, how: { readonly signal: AbortSignal; readonly again: boolean }): StartOptions {
  return {
    ...how,
    note: (level, message) => cell.note(level, message),
    progress: (message) => void cell.change({ message }, "instance.progress"),
    mended: (reason, message) => {
      cell.note("warn", message);
      void cell.change({ reason }, "instance.warning", message);
    },
  };
}

/** Once a slot: what this machine cannot enforce. */
export function warnOfLimits({ launch }: Prepared, cell: SlotCell, { runtime, record }: Pick<SupervisorPorts, "runtime" | "record">): void {
  const { slot } = cell;
  if (!launch.limits || slot.restarts > 0) return;
  for (const detail of runtime.limitWarnings(launch.limits)) {
    cell.note("warn", detail);
    void record(slot, { type: "instance.warning", from: slot.state, detail });
  }
}
