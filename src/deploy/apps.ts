import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Front } from "../edge/route.ts";
import type { Traffic } from "../edge/traffic.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { secretValues } from "../supervise/secrets.ts";
import { App, type AppPorts } from "./app.ts";
import { AppTraffic } from "./app-traffic.ts";
import { frontId, frontOf } from "./front.ts";
import { parseRemoteUrl } from "./git/url.ts";
import type { DeployHost } from "./host.ts";
import type { Repo } from "./ports.ts";
import { type AppRow, type Release, SLOT_NAMES } from "./record.ts";
import { SlotDirs } from "./slot-dirs.ts";
import { prepareSlot, secretRefs, slotEnv } from "./slot-launch.ts";
import { retire } from "./swap.ts";
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

/** Every app of this daemon. */
export class Apps implements DeployHost {
  private readonly apps = new Map<string, App>();
  private readonly repos = new Map<string, Repo>();

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
      if (row.live && !app.slot(row.live)) await app.boot(row.live, "initial_start");
      await this.dirs(app).sweep();
    }
    return { adopted: kinds.filter((kind) => kind === "running").length, lost: kinds.filter((kind) => /exited|gone/.test(kind)).length };
  }

  /** What a run that was cancelled after its swap left undone. `isBusy`: a run of the app will see to it. */
  async tidy(isBusy: (app: string) => boolean): Promise<void> {
    for (const app of this.apps.values()) {
      if (isBusy(app.name)) continue;
      if (app.row.draining) await retire(app);
    }
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

  /** A new app, or another repo or contract for one: the next deploy uses them. */
  async put(row: AppRow): Promise<App> {
    const present = this.apps.get(row.name);
    if (present && present.row.repo !== row.repo) this.repos.delete(row.name);
    if (!present) await this.options.store.save(row, "app.added", { repo: parseRemoteUrl(row.repo).shown });
    else await present.save(row, "app.changed", { repo: parseRemoteUrl(row.repo).shown });
    return present ?? this.open(row);
  }

  /** Stops everything of the app, and forgets it. */
  async remove(app: App): Promise<void> {
    await Promise.all(SLOT_NAMES.map((slot) => app.stop(slot, "removed")));
    await app.traffic.remove();
    app.close();
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
    const refs = secretRefs(release.contract, this.dirs(app).of(slot));
    const given = Object.entries(refs).filter(([, ref]) => ref.as === "env");
    const values = given.map(([name, ref]) => [name, secretValues({ [name]: ref }, this.options.daemonEnv)[0] ?? ""]);
    return { ...env, ...Object.fromEntries(values) };
  }

  clean(app: App, slot: SlotName, release: Release): (text: string) => string {
    return new Redactor(secretValues(secretRefs(release.contract, this.dirs(app).of(slot)), this.options.daemonEnv)).clean;
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
      secretsOf: (release) => secretValues(secretRefs(release.contract, dirOf(row.name, "blue")), daemonEnv),
    };
    const app = new App(row, ports, (made) => {
      const wanted = (): Front | undefined => frontOf(made.row, made.slots(), address);
      return new AppTraffic({ app: row.name, traffic, clock, wanted, onError });
    });
    this.apps.set(row.name, app);
    return app;
  }

  private dirOf(app: string): string {
    return join(this.options.home, "apps", app);
  }
}
