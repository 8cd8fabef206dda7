import { readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** Both absolute and without symbolic links; a folder is below itself. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** Follows symbolic links; of what is not there, as far as it is: also a link that leads to nothing yet. */
export function realPath(path: string, left = MAX_LINKS): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    if (parent === absolute || left === 0) return absolute;
    const folder = realPath(parent, left);
    const link = linkAt(join(folder, basename(absolute)));
    return link === undefined ? join(folder, basename(absolute)) : realPath(resolve(folder, link), left - 1);
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
