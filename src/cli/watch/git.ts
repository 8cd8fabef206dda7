import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { lookAt } from "./look-at.ts";

/** Git touches its lock when it takes it and when it writes the index: an older one was left by a Git that died. */
const STALE_MS = 10_000;

/** The Git folder of the repository that `path` is in, a worktree's own too; undefined outside of any. */
export function gitFolderOf(path: string): string | undefined {
  for (let at = path; ; at = dirname(at)) {
    const found = lookAt(join(at, ".git"));
    if (found) return found.isDirectory() ? join(at, ".git") : linkedFolder(at);
    if (at === "/") return undefined;
  }
}

/** It holds the lock of its index: a checkout, a merge, a stash is under way. */
export function isChanging(gitFolder: string, now: number): boolean {
  const found = lookAt(join(gitFolder, "index.lock"));
  return found !== undefined && now - found.mtimeMs < STALE_MS;
}

function linkedFolder(at: string): string | undefined {
  try {
    const to = /^gitdir: (.+)$/m.exec(readFileSync(join(at, ".git"), "utf8"))?.[1];
    return to === undefined ? undefined : resolve(at, to.trim());
  } catch {
    return undefined; // Gone meanwhile, or not for us to read.
  }
}
