import type { Clock } from "../kernel/clock.ts";
import type { Redactor } from "../supervise/logs/redact.ts";
import type { App } from "./app.ts";
import type { AlertKind, Repo } from "./ports.ts";
import type { AppRow, Release } from "./record.ts";
import type { SlotDirs } from "./slot-dirs.ts";
import type { SlotName } from "./view.ts";

/** What the workflows of deploys may do to the daemon's apps. */
export interface DeployHost {
  readonly clock: Clock;
  /** Throws `not_found`. */
  require(app: string): App;
  /** Of every app. */
  rows(): readonly AppRow[];
  repo(app: App): Repo;
  dirs(app: App): SlotDirs;
  /** Environment of builds, hooks and checks of a slot, secrets given as variables among it. */
  commandEnv(app: App, slot: SlotName, release: Release): Promise<Readonly<Record<string, string>>>;
  /** Takes the secrets of a release out of what its commands print. */
  redactor(release: Release): Redactor;
  /** Tells the webhooks of a release; never rejects. */
  alert(app: App, release: Release, told: { kind: AlertKind; message: string; run?: string }): Promise<void>;
}
