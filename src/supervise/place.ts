import type { SlotCell } from "./cell.ts";
import type { Slot } from "./instance.ts";
import type { Endpoint, Handle, StartOptions } from "./runtime.ts";
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

/** Where a running instance is found. One that was adopted while docker was away is where it was. */
export function placeOf({ pid, container, endpoint }: Handle, { ports }: Prepared): Partial<Slot> {
  const at = endpoint && { address: endpoint.host, ports: endpoint.ports };
  return { pid, ...(container === undefined ? { ports } : { container }), ...at };
}

/** Where it is dialled. */
export function endpointOf({ endpoint }: Handle, { address, ports: known = {} }: Slot, { ports }: Prepared): Endpoint {
  return endpoint ?? (address === undefined ? { host: "127.0.0.1", ports } : { host: address, ports: known });
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
