import { lstatSync, type Stats, statSync } from "node:fs";

/** Undefined: it is not there, or not for us to see. */
export function lookAt(path: string, { follow = true }: { follow?: boolean } = {}): Stats | undefined {
  try {
    return (follow ? statSync : lstatSync)(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // A part of the path is a file, or may not be entered.
  }
}

/** Which folder it is: one that is made under the name of another that has gone may get its inode. */
export function folderId({ ino, birthtimeMs }: Stats): string {
  return `${ino} ${birthtimeMs}`;
}
