import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Front } from "../edge/route.ts";
import type { Traffic } from "../edge/traffic.ts";
import { hasEnded } from "../supervise/instance.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { secretValues } from "../supervise/secrets.ts";
import { App, type AppPorts } from "./app.ts";
import { AppTraffic } from "./app-traffic.ts";
import { frontId, frontOf } from "./front.ts";
import { parseRemoteUrl } from "./git/url.ts";
import type { DeployHost } from "./host.ts";
import type { Repo } from "./ports.ts";
import { type AppRow, type Release, SLOT_NAMES } from "./record.ts";
import { SlotDirs, sweepApps } from "./slot-dirs.ts";
import { prepareSlot, secretRefs, slotEnv } from "./slot-launch.ts";
import { settle } from "./settle.ts";
import type { SlotName } from "./view.ts";

interface AppsOptions extends Omit<AppPorts, "prepare" | "secretsOf" | "onSlot"> {
  readonly home: string;
  readonly daemonEnv: Readonly<Record<string, string | undefined>>;
  readonly traffic: Traffic;
  /** Where the edge listens when the contract does not say. */
  readonly address: string;
  readonly openRepo: (app: { repo: string; dir: string }) => Repo;
  readonly alert: DeployHost["alert"];
  readonly onSlot: (app: App, slot: SlotName) => void;
  readonly onError: (error: unknown) => void;
}

/** How soon the start of what is live is tried again when it could not be written. */
const REVIVE_MS = 1000;

/** Every app of this daemon. */
export class Apps implements DeployHost {
  private readonly apps = new Map<string, App>();
  private readonly repos = new Map<string, Repo>();
  private readonly leaving = new Set<string>();

  constructor(private readonly options: AppsOptions) {}

  get clock(): Clock {
    return this.options.clock;
  }

  get alert(): DeployHost["alert"] {
    return this.options.alert;
  }

  /** Takes over what a former daemon left running, and starts again what is live and is not there. */
  async restore(): Promise<{ adopted: number; lost: number }> {
    const kinds: string[] = [];
    for (const row of this.options.store.apps()) {
      const app = this.open(row);
      for (const slot of this.options.store.slots(row.name)) kinds.push(await app.adopt(slot));
      this.revive(app);
      app.traffic.open();
    }
    await sweepApps(join(this.options.home, "apps"), this.apps, this.options.onError);
    return { adopted: kinds.filter((kind) => kind === "running").length, lost: kinds.filter((kind) => /exited|gone/.test(kind)).length };
  }

  /** Settles apps beside what follows. `isBusy`: a run of the app will see to it. */
  tidy(isBusy: (app: string) => boolean): void {
    for (const app of this.apps.values()) {
      void this.dirs(app).sweep(isBusy(app.name));
      if (!isBusy(app.name)) settle(this, app).catch(this.options.onError);
    }
  }

  /** What is live is to run, also when a daemon died in the midst of stopping everything. Tried until it can be written. */
  private revive(app: App): void {
    const { live } = app.row;
    const present = live && app.slot(live);
    if (!live || this.apps.get(app.name) !== app || (present?.wanted === "run" && !hasEnded(present))) return;
    app.boot(live, "initial_start").catch((error: unknown) => {
      this.options.onError(error);
      this.clock.after(REVIVE_MS, () => this.revive(app));
    });
  }

  rows(): AppRow[] {
    return [...this.apps.values()].map(({ row }) => row);
  }

  names(): string[] {
    return [...this.apps.keys()].sort();
  }

  find(name: string): App | undefined {
    return this.apps.get(name);
  }

  require(name: string): App {
    const app = this.apps.get(name);
    if (!app) throw new OrcoError("not_found", `there is no app ${name}; orco app add ${name} --repo <path|url> makes it`, { app: name });
    return app;
  }

  /** A new app, or another repo or contract for one: the next deploy uses them. Throws `conflict` while it is being removed. */
  async put({ name, ...given }: Pick<AppRow, "name" | "repo" | "contract" | "updatedAt">): Promise<void> {
    const told = { repo: parseRemoteUrl(given.repo).shown };
    const present = this.apps.get(name);
    if (present) {
      this.assertStays(name);
      await present.change((row) => ({ ...row, ...given }), "app.changed", told);
      this.repos.delete(name);
      return;
    }
    const row: AppRow = { name, createdAt: given.updatedAt, slots: {}, ...given };
    await this.options.store.save(row, "app.added", told);
    // Somebody may have added it at the same moment.
    if (!this.apps.has(name)) this.open(row).traffic.open();
    else await this.put({ name, ...given });
  }

  /** Throws `conflict` once somebody removes it. */
  assertStays(name: string): void {
    if (this.leaving.has(name)) throw new OrcoError("conflict", `app ${name} is being removed`, { app: name });
  }

  /** Stops everything of the app, and forgets it, when `quiet` has ended its runs: none begins meanwhile. Throws `conflict`: somebody else does it. */
  async remove(app: App, quiet: () => Promise<unknown>): Promise<void> {
    this.assertStays(app.name);
    this.leaving.add(app.name);
    try {
      await quiet();
      await this.forget(app);
    } finally {
      this.leaving.delete(app.name);
    }
  }

  private async forget(app: App): Promise<void> {
    await app.written();
    await Promise.all(SLOT_NAMES.map((slot) => app.stop(slot, "removed")));
    await app.traffic.remove();
    app.close();
    app.forgetLogs();
    await this.options.store.remove(app.name);
    this.apps.delete(app.name);
    this.repos.delete(app.name);
    await rm(this.dirOf(app.name), { recursive: true, force: true });
  }

  /** Everything stops; the next daemon starts what is live. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.apps.values()].flatMap((app) => SLOT_NAMES.map((slot) => app.stop(slot, "shutdown"))));
    await Promise.all([...this.apps.values()].map((app) => app.traffic.remove()));
  }

  repo(app: App): Repo {
    const known = this.repos.get(app.name);
    if (known) return known;
    const repo = this.options.openRepo({ repo: app.row.repo, dir: join(this.dirOf(app.name), "repo.git") });
    this.repos.set(app.name, repo);
    return repo;
  }

  dirs(app: App): SlotDirs {
    return new SlotDirs(this.dirOf(app.name), this.options.newId, this.options.onError);
  }

  /** Variables only: files of secrets come with the process. */
  async commandEnv(app: App, slot: SlotName, release: Release): Promise<Record<string, string>> {
    const env = slotEnv({ app: app.name, slot, release }, this.options.daemonEnv);
    const refs = secretRefs(release.contract);
    const given = Object.entries(refs).filter(([, ref]) => ref.as === "env");
    const values = given.map(([name, ref]) => [name, secretValues({ [name]: ref }, this.options.daemonEnv)[0] ?? ""]);
    return { ...env, ...Object.fromEntries(values) };
  }

  redactor(release: Release): Redactor {
    return new Redactor(this.secretsOf(release));
  }

  /** Whether a front of the edge is one of ours. */
  owns(front: string): boolean {
    return [...this.apps.keys()].some((name) => frontId(name) === front);
  }

  instances(): Set<string> {
    return new Set([...this.apps.values()].flatMap((app) => app.instances()));
  }

  close(): void {
    for (const app of this.apps.values()) {
      app.traffic.close();
      app.close();
    }
  }

  private open(row: AppRow): App {
    const { home, daemonEnv, traffic, address, clock, onError } = this.options;
    const dirOf = (name: string, slot: SlotName): string => join(this.dirOf(name), "slots", slot);
    const ports: AppPorts = {
      ...this.options,
      prepare: (request) => prepareSlot(request, { instances: join(home, "instances"), dirOf, daemonEnv }),
      secretsOf: (release) => this.secretsOf(release),
    };
    const app = new App(row, ports, (made) => {
      const wanted = (): Front | undefined => frontOf(made.row, made.slots(), address);
      return new AppTraffic({ app: row.name, traffic, clock, wanted, onError });
    });
    this.apps.set(row.name, app);
    return app;
  }

  private secretsOf({ contract }: Release): string[] {
    return secretValues(secretRefs(contract), this.options.daemonEnv);
  }

  private dirOf(app: string): string {
    return join(this.options.home, "apps", app);
  }
}
