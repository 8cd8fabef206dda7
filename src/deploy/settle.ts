import type { App } from "./app.ts";
import type { DeployHost } from "./host.ts";
import { discardAside, SLOT_NAMES, vacate } from "./record.ts";
import { leaveTraffic, retire } from "./swap.ts";
import type { SlotName } from "./view.ts";

/**
 * Takes the app to where only its live release runs and only that and the rollback target are kept: what a run that was cut off after its swap, or
 * whose undoing failed, has left. For the run that holds the app's lane, or when there is none. Two at once are one. May be repeated.
 */
export function settle(host: DeployHost, app: App): Promise<void> {
  return app.alone(() => settleNow(host, app));
}

async function settleNow(host: DeployHost, app: App): Promise<void> {
  await retire(app);
  const { aside, slots } = app.row;
  if (aside && aside.slot !== app.row.live) await giveBack({ host, app, slot: aside.slot }, slots[aside.slot]?.run);
  for (const slot of SLOT_NAMES) {
    if (slot === app.row.live) continue;
    if (slot !== app.row.previous) await giveBack({ host, app, slot }, app.row.slots[slot]?.run);
    await app.stop(slot, "replaced");
  }
  await prune(host, app);
}

interface Place {
  readonly host: DeployHost;
  readonly app: App;
  readonly slot: SlotName;
}

/** The release of a run that did not go live leaves its slot, and what it had displaced comes back. */
export async function giveBack({ host, app, slot }: Place, run: string | undefined): Promise<void> {
  if (run === undefined || app.row.slots[slot]?.run !== run || app.row.live === slot) return;
  await leaveTraffic(app, slot, "deploy_failed");
  const aside = app.row.aside?.slot === slot ? app.row.aside.release : undefined;
  await host.dirs(app).restore(slot, aside !== undefined);
  if (aside) await host.repo(app).keep(slot, aside.commit);
  await app.change((row) => vacate(row, slot, run), "app.checkout_undone", { slot_name: slot, run });
}

/** What was set aside has two successors now. */
export async function prune(host: DeployHost, app: App): Promise<void> {
  for (const slot of SLOT_NAMES) await host.dirs(app).prune(slot);
  const { aside } = app.row;
  if (aside) await app.change(discardAside, "app.pruned", { commit: aside.release.commit });
}
