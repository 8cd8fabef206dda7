import { DEFAULT_HOLD_TIMEOUT_MS, DEFAULT_TIMEOUTS, type Front, type Target } from "../edge/route.ts";
import { isLive, type Slot } from "../supervise/instance.ts";
import { liveRelease, portOf, type Release, SLOT_NAMES, type AppRow } from "./record.ts";
import type { SlotName } from "./view.ts";

export function frontId(app: string): string {
  return `app/${app}`;
}

/**
 * Who answers on the app's port: the live slot while its process serves; the one that left is draining. undefined: nothing was ever live. Without an active target the edge holds, then answers 503.
 */
export function frontOf(row: AppRow, slots: Readonly<Partial<Record<SlotName, Slot>>>, address: string): Front | undefined {
  const release = liveRelease(row);
  if (!release) return undefined;
  const { contract } = release;
  const targets = SLOT_NAMES.flatMap((name) => targetOf(row, name, slots[name]) ?? []);
  return {
    id: frontId(row.name),
    listen: { address: contract.address ?? address, port: contract.port, protocol: "http", ...(contract.tls && { tls: contract.tls }) },
    ...(contract.hosts && contract.hosts.length > 0 && { hosts: contract.hosts }),
    balance: "round-robin",
    targets,
    holdTimeoutMs: DEFAULT_HOLD_TIMEOUT_MS,
    timeouts: DEFAULT_TIMEOUTS,
  };
}

function targetOf(row: AppRow, name: SlotName, slot: Slot | undefined): Target | undefined {
  const release = row.slots[name];
  if (!release || slot?.instance === undefined || !isLive(slot.state)) return undefined;
  const to = { id: slot.instance, host: "127.0.0.1", port: portOf(name, release.contract), weight: 1 };
  if (name === row.live && isServing(slot, release)) return { ...to, state: "active" };
  const leaves = name === row.draining || (name === row.live && slot.state === "Stopping");
  return leaves ? { ...to, state: "draining", drainTimeoutMs: release.contract.drain_timeout_ms } : undefined;
}

/**
 * Its process runs and answers its health endpoint. The first start before its promotion a deploy has seen healthy, maybe before its own probe did; a
 * candidate (no `release`) is taken at that word too. What starts after its promotion proves itself first.
 */
export function isServing({ state, ready, wasReady, restarts, startedAt = 0 }: Slot, release?: Pick<Release, "promoted">): boolean {
  const seenHealthy = wasReady !== true && restarts === 0 && startedAt <= (release?.promoted?.at ?? Infinity);
  return state === "Running" && (ready || seenHealthy);
}
