import { constants } from "node:fs";
import { chmod, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";
import type { Copy } from "../target.ts";
import { CopyRules } from "./copy-rules.ts";
import { TreeCopy } from "./tree-copy.ts";
import { openFolder, openPlain } from "./open-plain.ts";

export interface CopyRequest {
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  /** The build context; paths are relative to the workspace. "" is the workspace itself. */
  readonly directory: string;
  readonly dockerfile?: string;
  /** Further folders that the build reads (`additional_contexts`); those within one another are left out. */
  readonly also?: readonly string[];
  /** A folder that is made, and that nobody else looks into. What lies there goes. */
  readonly into: string;
  readonly signal: AbortSignal;
}

/**
 * Copies a build context, and its Dockerfile where that lies outside of it, into a private folder; git's data and `.env` files stay behind, links stay
 * links, and nothing is followed out of the workspace. Rejects with `too_large`, `compose_invalid` for a context or Dockerfile that is not there or that
 * a link leads to, `disk_full`, or the signal's reason; then nothing of the copy is left.
 */
export async function makeCopy({ workspace, directory, dockerfile, also = [], into, signal }: CopyRequest): Promise<Copy> {
  await removeCopy({ root: into });
  await mkdir(dirname(into), { recursive: true, mode: 0o700 });
  await mkdir(into, { mode: 0o700 });
  try {
    const rules = await CopyRules.read({ workspace, directory, ...(dockerfile !== undefined && { dockerfile }) });
    const copying = new TreeCopy({ signal });
    await copyTree(copying, rules, { workspace, directory, into });
    for (const folder of apart(also, directory))
      await copyTree(copying, await CopyRules.read({ workspace, directory: folder }), { workspace, directory: folder, into });
    if (dockerfile !== undefined && rules.isOutside(dockerfile)) await copyAlone(copying, { workspace, dockerfile, into });
    return { root: into };
  } catch (error) {
    await removeCopy({ root: into });
    throw asTold(error);
  }
}

async function copyTree(
  copying: TreeCopy,
  rules: CopyRules,
  { workspace, directory, into }: { workspace: string; directory: string; into: string },
): Promise<void> {
  const context = await openFolder(workspace, directory);
  try {
    await copying.tree(context.fd, { rules, to: join(into, directory) });
  } finally {
    await context.close();
  }
}

/** Folders that neither hold nor lie in one before them. */
function apart(folders: readonly string[], first: string): string[] {
  const all = [first];
  const holds = (a: string, b: string): boolean => a === "" || `${b}/`.startsWith(`${a}/`);
  for (const folder of folders) if (!all.some((one) => holds(one, folder) || holds(folder, one))) all.push(folder);
  return all.slice(1);
}

async function copyAlone(
  copying: TreeCopy,
  { workspace, dockerfile, into }: { workspace: string; dockerfile: string; into: string },
): Promise<void> {
  const file = await openPlain(workspace, dockerfile, constants.O_RDONLY);
  try {
    await mkdir(dirname(join(into, dockerfile)), { recursive: true, mode: 0o700 });
    await copying.file(file, join(into, dockerfile));
  } finally {
    await file.close();
  }
}

/** Nothing to do where there is none. */
export async function removeCopy({ root }: Copy): Promise<void> {
  try {
    await rm(root, { recursive: true, force: true });
  } catch (error) {
    if (errnoOf(error) !== "EACCES" && errnoOf(error) !== "EPERM") throw error;
    await openUp(root);
    await rm(root, { recursive: true, force: true });
  }
}

/** What a daemon that died has left in a folder of copies. */
export async function sweepCopies(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  });
  for (const name of names) await removeCopy({ root: join(folder, name) });
}

/** Folders that a copy has from a tree where their owner may not write. */
async function openUp(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory()) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) if (entry.isDirectory()) await openUp(join(folder, entry.name));
}

function asTold(error: unknown): unknown {
  const errno = errnoOf(error);
  if (error instanceof OrcoError || errno === undefined) return error;
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new OrcoError("disk_full", "the copy of the build context does not fit: make space on the disk", {}, { cause: error });
  const path = (error as { path?: string }).path;
  return new OrcoError("compose_invalid", `the build context cannot be copied: ${fileTrouble(error)}`, { path }, { cause: error });
}
