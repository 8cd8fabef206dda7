import { messageOf } from "../kernel/errors.ts";
import type { RunContext } from "../workflow/define.ts";
import type { Candidate } from "./candidate.ts";
import { hook } from "./commands.ts";
import { discardAside } from "./record.ts";
import { drain, retire, swap } from "./swap.ts";

/** The swap, and all that follows from it. Returns what went wrong after the swap, which is nobody's failure any more. */
export async function goLive(context: RunContext, candidate: Candidate, by: "deploy" | "rollback"): Promise<string[]> {
  const { host, app, slot } = candidate;
  await context.step("swap", async () => {
    await swap(app, slot, { at: app.clock.now(), run: context.id, by });
    return null;
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
  await after("prune", () => prune(candidate).then(() => null));
  const release = app.row.slots[slot];
  if (by === "deploy" && release?.contract.post_deploy !== undefined)
    await after("post_deploy", async (signal) => {
      await hook("post_deploy", { host, app, slot, release }, { signal, tell: (line) => context.progress(line) });
      return null;
    });
  return warnings;
}

/** What was set aside has two successors now. */
async function prune({ host, app, slot }: Candidate): Promise<void> {
  await host.dirs(app).prune(slot);
  if (app.row.aside) await app.save(discardAside(app.row), "app.pruned", { commit: app.row.aside.release.commit });
}
