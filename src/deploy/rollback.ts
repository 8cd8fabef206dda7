import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import type { Workflow } from "../workflow/define.ts";
import type { App } from "./app.ts";
import { awaitHealth, boot } from "./candidate.ts";
import { failure } from "./failure.ts";
import { goLive, settleMs } from "./go-live.ts";
import type { DeployHost } from "./host.ts";
import { settle } from "./settle.ts";
import { leaveTraffic } from "./swap.ts";
import type { RollbackResult, SlotName } from "./view.ts";

interface Target {
  readonly slot: SlotName;
  readonly commit: string;
  readonly subject: string;
}

/**
 * The previous slot goes live again: choose → boot → health → swap → drain → stop old. The slot that is left becomes the rollback target.
 * Throws `no_previous_slot`, `unhealthy`; then nothing has changed.
 */
export function rollbackWorkflow(host: DeployHost): Workflow {
  return async (context, input) => {
    const app = host.require((input as unknown as { readonly app: string }).app);
    const target = (await context.step("choose", () => settledTarget(host, app))) as unknown as Target;
    const { slot, commit } = target;
    const candidate = { host, app, slot };
    try {
      await context.step("boot", () => boot(candidate, "rollback").then(() => null), {
        undo: async () => {
          if (app.row.live !== slot) await leaveTraffic(app, slot, "rollback_failed");
          // Cancelled after its swap: it stays live.
          else await settle(host, app);
        },
        undoTimeoutMs: settleMs(app),
      });
      await context.step("health", (signal) => awaitHealth(candidate, signal).then(() => null));
      const warnings = await goLive(context, candidate, "rollback");
      const release = app.row.slots[slot];
      if (release) void host.alert(app, release, { kind: "rolled_back", message: `back to ${commit}`, run: context.id });
      const done: RollbackResult = {
        success: true,
        slot,
        commit,
        app: app.name,
        run: context.id,
        ...(warnings.length > 0 && { warnings }),
      };
      return done as unknown as Json;
    } catch (error) {
      throw failure(error, { app: app.name, slot, commit });
    }
  };
}

async function settledTarget(host: DeployHost, app: App): Promise<Json> {
  await settle(host, app);
  return choose(app) as unknown as Json;
}

/** Throws `no_previous_slot`. */
export function choose(app: App): Target {
  const { previous, slots } = app.row;
  const release = previous && slots[previous];
  if (!previous || !release)
    throw new OrcoError("no_previous_slot", `${app.name} has no previous release to go back to; deploy the commit you want instead`, {
      app: app.name,
      slot: null,
      commit: null,
    });
  return { slot: previous, commit: release.commit, subject: release.subject };
}
