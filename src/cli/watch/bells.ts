import { type FSWatcher, readFileSync, watch } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";

interface Bell {
  readonly watcher: FSWatcher;
  readonly listeners: Set<() => void>;
  /** Which folder it listens to (`folderId`): another folder of that name is not heard. */
  readonly id: string;
}

/**
 * Rings when something happens in a folder: one watcher a folder, shared, for a second one of the same path hears nothing in Bun.
 * What exactly has happened is for the listener to look up.
 */
export class Bells {
  private readonly bells = new Map<string, Bell>();
  private polling = false;

  /** `onTrouble`: folders can be listened to no longer; the sentence says why. Told once. */
  constructor(private readonly onTrouble: (why: string) => void) {}

  /** Folders have to be looked at again and again. */
  get mustPoll(): boolean {
    return this.polling;
  }

  listen(folder: string, id: string, listener: () => void): void {
    const known = this.bells.get(folder);
    if (known?.id === id) {
      known.listeners.add(listener);
      return;
    }
    // The old one goes first: while it is there a new one of that path is deaf.
    known?.watcher.close();
    this.bells.delete(folder);
    const listeners = new Set([...(known?.listeners ?? []), listener]);
    const watcher = this.open(folder, () => {
      for (const one of listeners) one();
    });
    if (watcher) this.bells.set(folder, { watcher, listeners, id });
  }

  leave(folder: string, listener: () => void): void {
    const bell = this.bells.get(folder);
    if (!bell?.listeners.delete(listener) || bell.listeners.size > 0) return;
    bell.watcher.close();
    this.bells.delete(folder);
  }

  close(): void {
    for (const { watcher } of this.bells.values()) watcher.close();
    this.bells.clear();
  }

  private open(folder: string, ring: () => void): FSWatcher | undefined {
    if (this.polling) return undefined;
    try {
      const watcher = watch(folder, { persistent: false }, ring);
      watcher.on("error", ring);
      return watcher;
    } catch (error) {
      const errno = errnoOf(error);
      // It has just gone: whoever listens at the folder above hears that.
      if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EACCES") return undefined;
      this.polling = true;
      this.close();
      this.onTrouble(troubleOf(errno));
      return undefined;
    }
  }
}

function troubleOf(errno: string | undefined): string {
  const limit = errno === "ENOSPC" ? "max_user_watches" : errno === "EMFILE" ? "max_user_instances" : undefined;
  if (limit === undefined) return `folders cannot be listened to (${errno ?? "unknown reason"}): looking every second instead`;
  const now = limitNow(limit);
  const more = limit === "max_user_watches" ? Math.max(524_288, 2 * (now ?? 0)) : Math.max(1024, 2 * (now ?? 0));
  return `the inotify limit fs.inotify.${limit}${now === undefined ? "" : ` (${now})`} is reached: looking every second instead; raise it: sudo sysctl fs.inotify.${limit}=${more}`;
}

function limitNow(limit: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/fs/inotify/${limit}`, "utf8"));
  } catch {
    return undefined; // no Linux
  }
}
