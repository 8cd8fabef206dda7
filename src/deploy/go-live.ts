import { messageOf } from "../kernel/errors.ts";
import type { RunContext } from "../workflow/define.ts";
import type { App } from "./app.ts";
import type { Candidate } from "./candidate.ts";
import { hook } from "./commands.ts";
import { SLOT_NAMES } from "./record.ts";
import { prune } from "./settle.ts";
import { drain, retire, swap, unswap } from "./swap.ts";

/** Of stopping and removing, beside what the contracts allow. */
const SETTLE_MS = 60_000;

/** The swap, and all that follows from it. Returns what went wrong after the swap, which is nobody's failure any more. */
export async function goLive(context: RunContext, candidate: Candidate, by: "deploy" | "rollback"): Promise<string[]> {
  const { host, app, slot } = candidate;
  await context.step("swap", () => swap(app, slot, { at: app.clock.now(), run: context.id, by }).then(() => true), {
    undo: async (isDone) => {
      if (!isDone) await unswap(app, slot, context.id);
    },
  });
  const warnings: string[] = [];
  const after = async (name: string, act: (signal: AbortSignal) => Promise<string | null>): Promise<void> => {
    try {
      const warning = await context.step(name, act);
      if (warning !== null) warnings.push(warning);
    } catch (error) {
      context.signal.throwIfAborted();
      warnings.push(`${name}: ${messageOf(error)}`);
    }
  };
  await after("drain", async (signal) => {
    const cut = await drain(app, signal);
    return cut > 0 ? `${cut} requests or connections were still open at drain_timeout_ms and were cut` : null;
  });
  await after("stop old", () => retire(app).then(() => null));
  await after("prune", () => prune(host, app).then(() => null));
  const release = app.row.slots[slot];
  if (by === "deploy" && release?.contract.post_deploy !== undefined)
    await after("post_deploy", async (signal) => {
      await hook("post_deploy", { host, app, slot, release }, { signal, tell: (line) => context.progress(line) });
      return null;
    });
  return warnings;
}

/** Of the last undo of a run: one that was cancelled after its swap stays live, and what it owes the other slot is done here. */
export function settleMs(app: App): number {
  const patience = SLOT_NAMES.map((slot) => app.row.slots[slot]?.contract).map((one) =>
    one ? one.drain_timeout_ms + one.stop_timeout_ms : 0,
  );
  return SETTLE_MS + Math.max(...patience);
}
