import { OrcoError } from "../kernel/errors.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { RunRequest, Runs } from "../workflow/execute.ts";
import type { RunRow } from "../workflow/run.ts";
import type { App } from "./app.ts";
import type { Apps } from "./apps.ts";
import { decideAutoRollback } from "./auto-rollback.ts";
import { parseContract } from "./contract-schema.ts";
import { parseRemoteUrl } from "./git/url.ts";
import type { DeployPlan } from "./plan.ts";
import { refuseClaimed } from "./port-claims.ts";
import { liveRelease, SLOT_NAMES } from "./record.ts";
import { laneOf, planOf, releasesOf } from "./releases.ts";
import { choose } from "./rollback.ts";
import { isServing } from "./front.ts";
import { appStatus } from "./status.ts";
import type { AppStatus, AppView, PutApp, ReleaseView, SlotName } from "./view.ts";

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** The name that the bare paths mean when there are several apps (deploy.md). */
const DEFAULT_APP = "default";

/** Requests of people turned into runs. */
export class AppRequests {
  /** Of live releases, as last seen. */
  private readonly healthy = new Map<string, boolean>();
  /** Apps that go back by themselves now: a second rollback would lead forward again. */
  private readonly leaving = new Set<string>();
  private stopping = false;

  constructor(
    private readonly apps: Apps,
    private readonly runs: Runs,
  ) {}

  /** The only app, or the one named `default`. Throws `not_found`, `invalid` when several could be meant. */
  nameOf(name: string | undefined): string {
    if (name !== undefined) return this.apps.require(name).name;
    const names = this.apps.names();
    if (names.length === 1 && names[0] !== undefined) return names[0];
    if (names.includes(DEFAULT_APP)) return DEFAULT_APP;
    if (names.length === 0) throw new OrcoError("not_found", "there is no app yet; orco app add <name> --repo <path|url> makes one");
    throw new OrcoError("invalid", `there are ${names.length} apps and none is named ${DEFAULT_APP}; say which: ${names.join(", ")}`, {
      apps: names,
    });
  }

  /** Throws `invalid` with the pointer of the wrong field, `port_in_use` (facts: held_by_app) for a port that is another app's. */
  async put(name: string, { repo, contract }: PutApp): Promise<AppView> {
    if (!NAME.test(name)) throw new OrcoError("invalid", `app name ${JSON.stringify(name.slice(0, 80))} is not of the form ${NAME.source}`);
    parseRemoteUrl(repo);
    const parsed = contract === undefined || contract === null ? null : parseContract(contract, "contract", "/contract");
    if (parsed) refuseClaimed(name, parsed, this.apps.rows());
    await this.apps.put({ name, repo, contract: parsed, updatedAt: this.apps.clock.now() });
    return this.view(this.apps.require(name));
  }

  list(): AppView[] {
    return this.apps.names().map((name) => this.view(this.apps.require(name)));
  }

  get(name: string): AppView {
    return this.view(this.apps.require(name));
  }

  status(name: string): AppStatus {
    const app = this.apps.require(name);
    const [run] = this.runs.underWay({ app: name });
    return appStatus(app.row, app.row.live && app.slot(app.row.live), run?.id);
  }

  /** Throws `deploy_in_progress` (facts: run), unless the contract queues. `id`: the run is to have it; one that is there already is returned. */
  deploy(name: string, ref: string, { id }: { readonly id?: string } = {}): Promise<RunRow> {
    const app = this.apps.require(name);
    const { contract } = app.row.contract ? app.row : (liveRelease(app.row) ?? this.planUnderWay(name) ?? {});
    const onBusy = contract?.on_busy ?? "reject";
    return this.submit({ kind: "deploy", app: name, input: { app: name, ref }, onBusy, ...(id !== undefined && { id }) });
  }

  /** Throws `no_previous_slot`, `deploy_in_progress`. A deploy that only waits for an approval gives way. `id` as of `deploy`: a second rollback would lead forward again. */
  async rollback(name: string, { why, id }: { readonly why?: string; readonly id?: string } = {}): Promise<RunRow> {
    const app = this.apps.require(name);
    if (id !== undefined && this.runs.knows(id)) return this.runs.get(id);
    for (const run of this.runs.underWay({ app: name }))
      if (this.isWaiting(run)) await this.runs.cancel(run.id, "a rollback was asked for").catch(() => undefined);
    if (this.runs.underWay({ app: name }).length === 0) choose(app);
    return this.submit({
      kind: "rollback",
      app: name,
      input: { app: name, ...(why !== undefined && { why }) },
      onBusy: "reject",
      ...(id !== undefined && { id }),
    });
  }

  async remove(name: string): Promise<void> {
    const app = this.apps.require(name);
    const cancel = ({ id }: RunRow): Promise<unknown> => this.runs.cancel(id, "the app is removed").catch(() => undefined);
    await this.apps.remove(app, () => Promise.all(this.runs.underWay({ app: name }).map(cancel)));
  }

  /**
   * Everything stops; the next daemon starts what is live. Changes under way are undone first: they would boot what nobody stops any more. Those that
   * wait for a person wait on.
   */
  async stopAll(): Promise<void> {
    this.stopping = true;
    const active = this.apps.names().flatMap((app) => this.runs.underWay({ app }).filter((run) => !this.isWaiting(run)));
    await Promise.all(active.map(({ id }) => this.runs.cancel(id, "orco is shutting down").catch(() => undefined)));
    await this.apps.stopAll();
  }

  /** Newest first. */
  releases(name: string, page: { limit: number; before?: string }): ReleaseView[] {
    return releasesOf(this.runs, this.apps.require(name).row, page);
  }

  logs(
    name: string,
    { services, ...request }: { services?: readonly string[]; query: LogQuery; signal: AbortSignal },
  ): AsyncIterable<LogRecord> {
    const app = this.apps.require(name);
    const wrong = services?.find((slot) => !SLOT_NAMES.some((known) => known === slot));
    if (wrong !== undefined) throw new OrcoError("not_found", `${name} has the slots blue and green, not ${wrong}`, { app: name });
    return app.logs({ ...request, ...(services && services.length > 0 && { services }) });
  }

  /** A live process came or went: its app may have to be rolled back. */
  watch(app: App, slot: SlotName): void {
    if (app.row.live === slot) this.tellUnhealthy(app, slot);
    if (app.row.live !== slot || this.runs.underWay({ app: app.name }).some((run) => !this.isWaiting(run))) return;
    const decision = decideAutoRollback(app.row, app.slot(slot), this.apps.clock.now());
    if (!decision.roll || this.leaving.has(app.name)) return;
    this.leaving.add(app.name);
    // There may be nothing to go back to, or somebody is at it: then the next crash asks again.
    void this.leave(app, decision.why)
      .catch(() => undefined)
      .finally(() => this.leaving.delete(app.name));
  }

  private async leave(app: App, why: string): Promise<void> {
    const release = liveRelease(app.row);
    const { id: run } = await this.rollback(app.name, { why });
    const { status, error } = await this.runs.settled(run);
    if (!release) return;
    if (status === "completed") void this.apps.alert(app, release, { kind: "auto_rolled_back", message: why, run });
    else void this.apps.alert(app, release, { kind: "unhealthy", message: `${why}; going back failed: ${error?.message ?? status}`, run });
  }

  /** Once for every time that a live release stops being healthy by itself. */
  private tellUnhealthy(app: App, slot: SlotName): void {
    const found = app.slot(slot);
    const healthy = found !== undefined && isServing(found, liveRelease(app.row));
    const before = this.healthy.get(app.name);
    this.healthy.set(app.name, healthy);
    const release = liveRelease(app.row);
    if (before !== true || healthy || !release || found?.wanted === "stop") return;
    void this.apps.alert(app, release, { kind: "unhealthy", message: found?.message ?? found?.reason ?? "its process is gone" });
  }

  private view(app: App): AppView {
    const { row } = app;
    return {
      name: row.name,
      repo: parseRemoteUrl(row.repo).shown,
      contract: row.contract,
      created_at: new Date(row.createdAt).toISOString(),
      updated_at: new Date(row.updatedAt).toISOString(),
      status: this.status(row.name),
    };
  }

  private async submit({ app, ...request }: Omit<RunRequest, "lane" | "labels"> & { readonly app: string }) {
    this.apps.assertStays(app);
    if (this.stopping) throw new OrcoError("unavailable", "orco is shutting down; ask again when it is back", { app });
    try {
      return await this.runs.submit({ ...request, lane: laneOf(app), labels: { app } });
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "busy") throw error;
      const run = String(error.facts["run"]);
      const holder = this.runs.get(run);
      const text = this.isWaiting(holder)
        ? `a ${holder.kind} of ${app} waits for approval: orco approve ${run}, or orco cancel ${run}`
        : `a ${holder.kind} of ${app} is under way as run ${run}; wait for it (orco runs ${run}), or set on_busy: queue in the contract`;
      throw new OrcoError("deploy_in_progress", text, { run, app });
    }
  }

  /** For a person. */
  private isWaiting(run: RunRow): boolean {
    return this.runs.steps(run.id).some(({ status }) => status === "waiting");
  }

  /** Before anything is live, the commit that is being deployed says what is to be done with the next one. */
  private planUnderWay(name: string): Partial<DeployPlan> | undefined {
    const [run] = this.runs.underWay({ app: name });
    return run && planOf(this.runs, run);
  }
}
