import type { RunStore } from "../workflow/store.ts";
import type { RunRow } from "../workflow/run.ts";
import type { DeployPlan } from "./plan.ts";
import type { AppRow, Release } from "./record.ts";
import type { ReleaseView, SlotName } from "./view.ts";

/** Runs and their steps as they are on disk. */
type Recorded = { readonly [K in "list" | "steps"]: (...args: Parameters<RunStore[K]>) => readonly ReturnType<RunStore[K]>[number][] };

const PAGE = 200;

/** What changes of an app take turns on. */
export function laneOf(app: string): string {
  return `app/${app}`;
}

/** What a run was about; undefined before it has found out. */
export function planOf(runs: Recorded, run: RunRow): (Partial<DeployPlan> & { commit: string; slot: SlotName }) | undefined {
  const step = runs.steps(run.id).find(({ name }) => name === (run.kind === "deploy" ? "resolve" : "choose"));
  return step?.result as unknown as DeployPlan | undefined;
}

/** Deploys and rollbacks of an app, newest first, before the given run. What is live or can be gone back to is among them however old it is. */
export function releasesOf(runs: Recorded, row: AppRow, { limit, before }: { limit: number; before?: string }): ReleaseView[] {
  const found: ReleaseView[] = [];
  for (const run of runsOf(runs, row.name, before)) {
    const plan = planOf(runs, run);
    const state = stateOf(run, row);
    if (plan && isOf(row, run, state)) found.push(releaseView(run, plan, state));
    if (found.length === limit) return found;
  }
  return [...found, ...forgotten(runs, row, before)].slice(0, limit);
}

/** An app of this name may have been removed before: its runs are another's. What is held is ours, whatever the clock said. */
function isOf(row: AppRow, run: RunRow, state: ReleaseView["state"]): boolean {
  return run.createdAt >= row.createdAt || state === "live" || state === "previous";
}

function* runsOf(runs: Recorded, app: string, from: string | undefined): Generator<RunRow> {
  const lane = laneOf(app);
  for (let before = from; ;) {
    const page = runs.list(PAGE, { before, lane });
    if (page.length === 0) return;
    yield* page;
    before = page.at(-1)?.id;
  }
}

/** Releases that are held still when their runs are too old to be kept (workflow/retention.ts). */
function forgotten(runs: Recorded, { live, previous, slots }: AppRow, before = "~"): ReleaseView[] {
  return [live, previous].flatMap((slot) => {
    const release = slot && slots[slot];
    const promoted = release?.promoted;
    if (!slot || !promoted || promoted.run >= before || runs.list(1, { before: `${promoted.run}~` })[0]?.id === promoted.run) return [];
    return [heldView(slot, release, { promoted, state: slot === live ? "live" : "previous" })];
  });
}

function heldView(
  slot: SlotName,
  { commit, subject }: Release,
  { promoted, state }: { promoted: NonNullable<Release["promoted"]>; state: ReleaseView["state"] },
): ReleaseView {
  return { run: promoted.run, kind: promoted.by, commit, subject, slot, state, at: new Date(promoted.at).toISOString() };
}

function stateOf(run: RunRow, { live, previous, slots }: AppRow): ReleaseView["state"] {
  if (live && slots[live]?.promoted?.run === run.id) return "live";
  if (previous && slots[previous]?.promoted?.run === run.id) return "previous";
  return run.status === "completed" ? "retired" : run.status === "failed" || run.status === "cancelled" ? "failed" : "pending";
}

function releaseView(run: RunRow, plan: { commit: string; subject?: string; slot: SlotName }, state: ReleaseView["state"]): ReleaseView {
  const { error } = run;
  return {
    run: run.id,
    kind: run.kind === "rollback" ? "rollback" : "deploy",
    commit: plan.commit,
    subject: plan.subject ?? "",
    slot: plan.slot,
    state,
    at: new Date(run.endedAt ?? run.createdAt).toISOString(),
    ...(error && { error: { code: error.code, message: error.message } }),
  };
}
