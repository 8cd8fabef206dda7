import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SlotName } from "./view.ts";

const TRASH = ".trash-";
/** A checkout that was cut off (git/checkout.ts). */
const PARTIAL = /^\.(?:blue|green)\.partial$/;

/**
 * Worktrees of one app: `slots/{blue,green}`. While a deploy takes a slot, what was there waits as `slots/<slot>.previous`: as long as that
 * folder exists, `slots/<slot>` is the new release's. Every operation may be repeated after a crash at any point.
 */
export class SlotDirs {
  private readonly root: string;

  /** `dir`: `$ORCO_HOME/apps/<app>`. */
  constructor(
    dir: string,
    private readonly newId: () => string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.root = join(dir, "slots");
  }

  of(slot: SlotName): string {
    return join(this.root, slot);
  }

  /** Makes `slots/<slot>` free for a checkout; `keep`: what is there now is the rollback target. */
  async clear(slot: SlotName, keep: boolean): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    const aside = this.aside(slot);
    if (keep && !existsSync(aside) && existsSync(this.of(slot))) await rename(this.of(slot), aside);
    await this.discard(this.of(slot));
    if (!keep) await this.discard(aside);
  }

  /** The new release's worktree goes; what was set aside comes back. */
  async restore(slot: SlotName, wasKept: boolean): Promise<void> {
    const aside = this.aside(slot);
    if (existsSync(aside)) {
      await this.discard(this.of(slot));
      await rename(aside, this.of(slot));
    } else if (!wasKept) await this.discard(this.of(slot));
  }

  async prune(slot: SlotName): Promise<void> {
    await this.discard(this.aside(slot));
  }

  /** What a daemon that died had begun to remove; `isBusy`: a checkout may be under way. */
  async sweep(isBusy: boolean): Promise<void> {
    const names = await readdir(this.root).catch(() => []);
    for (const name of names) if (name.startsWith(TRASH) || (!isBusy && PARTIAL.test(name))) this.removeLater(join(this.root, name));
  }

  private aside(slot: SlotName): string {
    return `${this.of(slot)}.previous`;
  }

  /** Gone at once by name; a folder of many files is removed beside the work. */
  private async discard(path: string): Promise<void> {
    if (!existsSync(path)) return;
    const trash = join(this.root, `${TRASH}${this.newId()}`);
    await rename(path, trash);
    this.removeLater(trash);
  }

  private removeLater(path: string): void {
    rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(this.onError);
  }
}

/** Folders of apps that are known no more: their removal was cut off after it was on disk. A new app of that name must not find them. */
export async function sweepApps(root: string, known: { has(app: string): boolean }, onError: (error: unknown) => void): Promise<void> {
  const names = await readdir(root).catch(() => []);
  await Promise.all(
    names.filter((name) => !known.has(name)).map((name) => rm(join(root, name), { recursive: true, force: true }).catch(onError)),
  );
}
