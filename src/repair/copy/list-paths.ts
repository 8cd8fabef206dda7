import { lstat, readdir } from "node:fs/promises";
import { below, openFolder } from "./open-plain.ts";

export interface PathFacts {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  /** No link. */
  readonly isPlain: boolean;
}

/** What other people wrote: thousands of paths that no fault of the service lies in. Looked at last. */
const FOREIGN = new Set(["node_modules", ".venv", "venv", "vendor", "target", "__pycache__", ".next", "dist"]);
const MAX_DEPTH = 100;

/** Files and links below a folder of the root, sorted, so many at most: own ones first. */
export async function listPaths(root: string, folder: string, most: number): Promise<PathFacts[]> {
  const found: PathFacts[] = [];
  const later: string[] = [];
  const walk = async (path: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH || found.length >= most) return;
    for (const { name, isFolder, ...facts } of await entriesOf(root, path)) {
      const inside = path === "" ? name : `${path}/${name}`;
      if (isFolder && FOREIGN.has(name)) later.push(inside);
      else if (isFolder) await walk(inside, depth + 1);
      else if (found.length < most) found.push({ path: inside, ...facts });
    }
  };
  await walk(folder, 0);
  // Grows while they are walked: bounded by `most`.
  for (let at = 0; at < later.length && found.length < most; at++) await walk(later[at] ?? "", 0);
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function entriesOf(root: string, path: string): Promise<(Omit<PathFacts, "path"> & { name: string; isFolder: boolean })[]> {
  const folder = await openFolder(root, path);
  try {
    const names = (await readdir(below(folder.fd, "."))).toSorted();
    return await Promise.all(
      names.map(async (name) => {
        const stats = await lstat(below(folder.fd, name));
        return { name, mode: stats.mode & 0o777, size: stats.size, isPlain: stats.isFile(), isFolder: stats.isDirectory() };
      }),
    );
  } finally {
    await folder.close();
  }
}
