import type { AppContract } from "./contract.ts";
import type { SlotName } from "./view.ts";

/** A commit as it was put into a slot. Times are epoch ms. */
export interface Release {
  /** The run that deployed it. */
  readonly run: string;
  readonly commit: string;
  readonly subject: string;
  readonly contract: AppContract;
  /** Its contract came with PUT, not out of the repository: its webhooks may point into this machine. */
  readonly byOperator: boolean;
  /** When it was last promoted, and by which run; absent: never. */
  readonly promoted?: { readonly at: number; readonly run: string; readonly by: "deploy" | "rollback" };
}

/**
 * An app as stored in `apps.row`; written by the run that holds lane `app/<name>`, and by PUT and DELETE.
 *
 *   deploy    live blue v2, previous green v1   green v1 is set aside, green v3 boots   → live green v3, previous blue v2
 *                                               it fails                                → green v1 is put back, nothing else changed
 *   rollback  live green v3, previous blue v2   blue v2 boots                           → live blue v2, previous green v3
 */
export interface AppRow {
  readonly name: string;
  readonly repo: string;
  readonly contract: AppContract | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** What each slot holds. */
  readonly slots: Readonly<Partial<Record<SlotName, Release>>>;
  readonly live?: SlotName | undefined;
  /** The rollback target. */
  readonly previous?: SlotName | undefined;
  /** The release that a deploy under way has moved out of its slot; it comes back when the deploy fails. */
  readonly aside?: { readonly slot: SlotName; readonly release: Release } | undefined;
  /** The slot that left traffic and is being drained. */
  readonly draining?: SlotName | undefined;
  readonly lastDeployAt?: number | undefined;
}

export const SLOT_NAMES: readonly SlotName[] = ["blue", "green"];

export function otherSlot(slot: SlotName): SlotName {
  return slot === "blue" ? "green" : "blue";
}

/** Where the next deploy goes: the slot that is not live. */
export function inactiveSlot({ live }: AppRow): SlotName {
  return live === undefined ? "blue" : otherSlot(live);
}

export function liveRelease(row: AppRow): Release | undefined {
  return row.live && row.slots[row.live];
}

/** The rollback target, which a deploy under way may have set aside. */
export function previousRelease(row: AppRow): Release | undefined {
  if (row.aside && row.aside.slot !== row.live) return row.aside.release;
  return row.previous && row.slots[row.previous];
}

/** A slot's own port (deploy.md): blue listens on `internal_port`, green on the next one. */
export function portOf(slot: SlotName, { internal_port }: Pick<AppContract, "internal_port">): number {
  return slot === "blue" ? internal_port : internal_port + 1;
}

/** A new release takes the slot; what was there is set aside. Applied again it changes nothing. */
export function occupy(row: AppRow, slot: SlotName, release: Release): AppRow {
  const held = row.slots[slot];
  if (held?.run === release.run) return row;
  const { previous, aside: _gone, ...rest } = row;
  return {
    ...rest,
    slots: { ...row.slots, [slot]: release },
    ...(held && { aside: { slot, release: held } }),
    ...(previous !== undefined && previous !== slot && { previous }),
  };
}

/** The release leaves the slot; what it had displaced comes back, as the rollback target. */
export function vacate(row: AppRow, slot: SlotName, run: string): AppRow {
  if (row.slots[slot]?.run !== run || row.live === slot) return row;
  const { aside, previous, ...rest } = row;
  const { [slot]: _left, ...others } = row.slots;
  if (aside?.slot === slot) return { ...rest, slots: { ...others, [slot]: aside.release }, previous: slot };
  return { ...rest, slots: others, ...(previous !== undefined && previous !== slot && { previous }), ...(aside && { aside }) };
}

/** The slot goes live; the one that was is drained, and then the rollback target. Applied again it changes nothing. */
export function promote(row: AppRow, slot: SlotName, promoted: NonNullable<Release["promoted"]>): AppRow {
  const release = row.slots[slot];
  if (!release || row.live === slot) return row;
  const { live: left, previous: _before, ...rest } = row;
  return {
    ...rest,
    slots: { ...row.slots, [slot]: { ...release, promoted } },
    live: slot,
    ...(left !== undefined && { previous: left, draining: left }),
    lastDeployAt: promoted.at,
  };
}

/** A swap that could not be carried out is taken back, as long as whoever left has not been retired: then it is the other one that is drained. */
export function demote(row: AppRow, slot: SlotName): AppRow {
  if (row.live !== slot) return row;
  const { live: _live, previous: _previous, draining: left, lastDeployAt: _at, ...rest } = row;
  const lastDeployAt = left && row.slots[left]?.promoted?.at;
  return {
    ...rest,
    ...(left !== undefined && { live: left }),
    ...(row.slots[slot]?.promoted?.by === "rollback" && { previous: slot }),
    ...(lastDeployAt !== undefined && { lastDeployAt }),
    draining: slot,
  };
}

/** What was set aside is gone for good. */
export function discardAside(row: AppRow): AppRow {
  if (!row.aside) return row;
  const { aside: _gone, ...rest } = row;
  return rest;
}

export function drained(row: AppRow): AppRow {
  if (!row.draining) return row;
  const { draining: _gone, ...rest } = row;
  return rest;
}
