import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The path of something in an open folder: what the folder was called, or is by now, does not count. */
export function below(fd: number, name: string): string {
  return `/proc/self/fd/${fd}/${name}`;
}

/** A folder below a root, step by step, so that no link is followed. `compose_invalid` where one stands in the way, or nothing does. */
export async function openFolder(root: string, path: string): Promise<FileHandle> {
  const parts = partsOf(path);
  let folder = await open(root, FOLDER);
  for (const name of parts) {
    const parent = folder;
    try {
      folder = await open(below(parent.fd, name), FOLDER);
    } catch (error) {
      throw refused(path, error);
    } finally {
      await parent.close();
    }
  }
  return folder;
}

/** A plain file below a root, likewise. */
export async function openPlain(root: string, path: string, flags: number): Promise<FileHandle> {
  const parts = partsOf(path);
  const folder = await openFolder(root, parts.slice(0, -1).join("/"));
  try {
    return await plainIn(folder.fd, parts.at(-1) ?? "", flags);
  } catch (error) {
    throw refused(path, error);
  } finally {
    await folder.close();
  }
}

/** A pipe is not waited for. */
export async function plainIn(fd: number, name: string, flags: number): Promise<FileHandle> {
  const file = await open(below(fd, name), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o644);
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw new OrcoError("compose_invalid", `${name} is no plain file`, { path: name });
}

/** Nothing is at the path, or no folder it could lie in. */
export function isAbsent(error: unknown): boolean {
  return error instanceof OrcoError && errnoOf(error.cause) === "ENOENT";
}

function partsOf(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (!path.startsWith("/") && !parts.includes("..") && !path.includes("\0")) return parts;
  throw new OrcoError("compose_invalid", `${path} lies outside of the workspace: a repair looks at nothing there`, { path });
}

function refused(path: string, error: unknown): unknown {
  if (error instanceof OrcoError) return error;
  const errno = errnoOf(error);
  if (errno === "ENOENT")
    return new OrcoError("compose_invalid", `${path}: no such file or folder in the workspace`, { path }, { cause: error });
  const why =
    errno === "ELOOP" || errno === "ENOTDIR" ? "a symbolic link, or something that is no folder, is in its way" : fileTrouble(error);
  return new OrcoError("compose_invalid", `${path}: ${why}`, { path }, { cause: error });
}
