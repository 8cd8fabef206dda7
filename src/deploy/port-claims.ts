import { OrcoError } from "../kernel/errors.ts";
import type { AppContract } from "./contract.ts";
import { type AppRow, liveRelease, otherSlot, portOf, SLOT_NAMES } from "./record.ts";
import type { SlotName } from "./view.ts";

type Ports = Pick<AppContract, "port" | "internal_port" | "hosts" | "address">;

/**
 * Refuses a contract whose ports another app has, by what it was given or by what its slots hold: two processes would take turns on one port, and the
 * health of one be asked of the other. A public port may be shared where the hosts tell the apps apart. Throws `port_in_use` (facts: port, held_by_app).
 */
export function refuseClaimed(name: string, mine: Ports, rows: readonly AppRow[]): void {
  for (const row of rows) {
    if (row.name === name) continue;
    for (const theirs of contractsOf(row)) {
      const port = claimedTwice(mine, theirs) ?? (sharesFront(mine, theirs) ? mine.port : undefined);
      if (port === undefined) continue;
      const hosts = port === mine.port && port === theirs.port ? ", or give each app hosts of its own" : "";
      throw new OrcoError("port_in_use", `port ${port} belongs to app ${row.name}; choose another one${hosts}`, {
        port,
        held_by_app: row.name,
      });
    }
  }
}

/** The same between a new release and the one that is live: another internal_port can lead the other slot to the port of this one. */
export function refuseOwnLive(row: AppRow, slot: SlotName, mine: Ports): void {
  const live = liveRelease(row);
  if (!live) return;
  const left = otherSlot(slot);
  const held = portOf(left, live.contract);
  if (portOf(slot, mine) !== held && mine.port !== held) return;
  throw new OrcoError(
    "port_in_use",
    `port ${held} is that of slot ${left}, which is live; with this contract slot ${slot} or the app would need it too: choose another internal_port`,
    { port: held, held_by_app: row.name },
  );
}

function contractsOf({ contract, slots }: AppRow): Ports[] {
  return [...(contract ? [contract] : []), ...SLOT_NAMES.flatMap((slot) => slots[slot]?.contract ?? [])];
}

function claimedTwice(mine: Ports, theirs: Ports): number | undefined {
  const [ours, others] = [mine, theirs].map((ports) => SLOT_NAMES.map((slot) => portOf(slot, ports))) as [number[], number[]];
  return ours.find((port) => others.includes(port) || port === theirs.port) ?? (others.includes(mine.port) ? mine.port : undefined);
}

/** One of them may answer for whatever host the other does not name (route.ts). */
function sharesFront(mine: Ports, theirs: Ports): boolean {
  if (mine.port !== theirs.port || mine.address !== theirs.address) return false;
  const [ours, others] = [mine.hosts ?? [], theirs.hosts ?? []];
  return (ours.length === 0 && others.length === 0) || ours.some((host) => others.includes(host));
}
