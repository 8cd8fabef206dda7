import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../kernel/errors.ts";
import { removePrivateFolder } from "../supervise/private-folder.ts";

/** Below what a target notes of the time before: values that lie in memory (`recorded.ts`). */
export const VALUES = "values";

/** All that a run keeps to itself goes: its copy, what was overwritten, the configuration of before. Safe to repeat. */
export function removeFolder(folder: string): void {
  for (const name of namesIn(folder)) removePrivateFolder(join(folder, name, VALUES));
  rmSync(folder, { recursive: true, force: true });
}

/** One that cannot be removed is told, and keeps nobody from what comes next. */
export function removeFolderOrTell(folder: string, onError: (error: unknown) => void): void {
  try {
    removeFolder(folder);
  } catch (error) {
    onError(error);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
