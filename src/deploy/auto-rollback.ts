import { hasEnded, type Slot } from "../supervise/instance.ts";
import { liveRelease, type AppRow } from "./record.ts";

export type AutoRollback = { readonly roll: true; readonly why: string } | { readonly roll: false; readonly why: string };

/**
 * Whether a live release that crashes again and again is left by itself (deploy.md): more than `max_restarts` restarts within `window_ms` after its
 * promotion by a deploy. One that a rollback brought back is never left: its successor was no better.
 */
export function decideAutoRollback(row: AppRow, slot: Slot | undefined, now: number): AutoRollback {
  const release = liveRelease(row);
  const rule = release?.contract.auto_rollback;
  if (!release || !rule || !slot) return { roll: false, why: "not asked for" };
  if (release.promoted?.by !== "deploy") return { roll: false, why: "it was brought back by a rollback" };
  if (row.previous === undefined) return { roll: false, why: "there is no previous release" };
  if (slot.config !== release.run) return { roll: false, why: "the slot holds another release" };
  if (now - release.promoted.at > rule.window_ms) return { roll: false, why: "the window is over" };
  const ended = slot.state === "Pending" || hasEnded(slot);
  const restarts = slot.restarts + (ended && slot.instance !== undefined ? 1 : 0);
  if (restarts <= rule.max_restarts) return { roll: false, why: `${restarts} of ${rule.max_restarts} restarts` };
  const seconds = Math.round((now - release.promoted.at) / 1000);
  return { roll: true, why: `${restarts} restarts in the ${seconds} s since its promotion: ${slot.message ?? slot.reason}` };
}
