import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Gateways are installed once, outside the repository: they come with interpreters' worth of packages. */
export function folderOf(name: string): string {
  const folder = join(homedir(), ".cache/orco-bench", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
