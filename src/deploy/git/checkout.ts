import { existsSync } from "node:fs";
import { mkdir, rename, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import { runCommand } from "../../supervise/command.ts";
import { leadsOut } from "./links.ts";
import { type GitPorts, runGit } from "./run.ts";
import { SUBMODULE, type TreeEntry, TreeReader } from "./tree.ts";
import { localTrouble } from "./trouble.ts";

/** PATH_MAX: no kernel makes a link with more. */
const MAX_TARGET = 4095;
/** The files are on their way to the disk by themselves; a disk that is this slow is not waited for. */
const SYNC_TIMEOUT_MS = 20_000;
const SHOWN_PATHS = 5;

/** Writes the tree of the commit into `dir`, which must not exist: whole or not at all. See `Repo.checkout`. */
export async function checkoutTree(ports: GitPorts, commit: string, { dir, signal }: { dir: string; signal: AbortSignal }): Promise<void> {
  if (existsSync(dir)) throw new OrcoError("conflict", `${dir} exists`, { path: dir });
  const partial = join(dirname(dir), `.${basename(dir)}.partial`);
  const tree = join(partial, "tree");
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(tree, { recursive: true });
    await refuseUnsafe(ports, commit, { dir, signal });
    const call = { signal, cwd: tree, env: { GIT_INDEX_FILE: join(partial, "index"), GIT_WORK_TREE: tree } };
    for (const args of [
      ["read-tree", commit],
      ["checkout-index", "--all"],
    ]) {
      const { code, stderr } = await runGit(ports, args, call);
      if (code !== 0) throw checkoutTrouble(commit, stderr);
    }
    await sync(ports, tree, signal);
    signal.throwIfAborted();
    await rename(tree, dir);
  } catch (error) {
    if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT")
      throw new OrcoError("disk_full", `the disk is full: ${dir} could not be written`, { path: dir });
    throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Looks at the whole tree before a byte of it is written: half a checkout on a full disk is in everybody's way. */
async function refuseUnsafe(ports: GitPorts, commit: string, { dir, signal }: { dir: string; signal: AbortSignal }): Promise<void> {
  const reader = new TreeReader();
  const args = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit];
  const { code, stderr } = await runGit(ports, args, { signal, onStdout: (chunk) => reader.push(chunk) });
  if (code !== 0) throw localTrouble(`read commit ${commit}`, stderr);
  await requireRoom(reader.bytes, dirname(dir));
  const submodules = reader.special.filter(({ mode }) => mode === SUBMODULE).map(({ path }) => shown(path));
  if (submodules.length > 0) {
    const names = submodules.slice(0, SHOWN_PATHS).join(", ");
    const text = `submodules are not supported: ${names}${submodules.length > SHOWN_PATHS ? ", …" : ""}; copy what is needed of them into the repository, or fetch it in build_command`;
    throw new OrcoError("unsupported", text, { commit, path: submodules[0], paths: submodules.slice(0, SHOWN_PATHS) });
  }
  const links = await targetsOf(ports, { commit, links: reader.special, signal });
  for (const [path, target] of links) {
    if (!leadsOut(path, links)) continue;
    const text = `the link ${shown(path)} → ${shown(target)} leads out of the commit; links must stay within it`;
    throw new OrcoError("invalid", text, { commit, path: shown(path), target: shown(target) });
  }
}

async function requireRoom(needed: number, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (needed <= free) return;
  const text = `the disk is full: the files of the commit take ${mebibytes(needed)}, and ${mebibytes(free)} are free`;
  throw new OrcoError("disk_full", text, { path: folder, needed_bytes: needed, free_bytes: free });
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}

/** path → target, both byte for byte (latin1): names need not be UTF-8. */
async function targetsOf(
  ports: GitPorts,
  { commit, links, signal }: { commit: string; links: readonly TreeEntry[]; signal: AbortSignal },
): Promise<Map<string, string>> {
  const targets = new Map<string, string>();
  if (links.length === 0) return targets;
  const stdin = `${links.map(({ object }) => object).join("\n")}\n`;
  const sizes = await runGit(ports, ["cat-file", "--batch-check=%(objectsize)"], { signal, stdin });
  if (
    sizes.stdout
      .toString("latin1")
      .split("\n")
      .some((size) => !(Number(size) <= MAX_TARGET))
  )
    throw new OrcoError("invalid", `a link of the commit has a target longer than ${MAX_TARGET} bytes`, { commit });
  const { stdout } = await runGit(ports, ["cat-file", "--batch=%(objectsize)"], { signal, stdin });
  let at = 0;
  for (const { path } of links) {
    const start = stdout.indexOf("\n", at) + 1;
    const end = start + Number(stdout.toString("latin1", at, start - 1));
    targets.set(path, stdout.toString("latin1", start, end));
    at = end + 1;
  }
  return targets;
}

/** What was deployed is on the disk before anybody says so: a machine that loses power comes back to it. */
async function sync({ clock }: GitPorts, path: string, signal: AbortSignal): Promise<void> {
  const argv = ["sync", "-f", path];
  // Where there is no such program, the kernel writes it within the half minute.
  await runCommand({ argv, cwd: "/", env: {}, timeoutMs: SYNC_TIMEOUT_MS, clock, signal }).catch(() => undefined);
}

function checkoutTrouble(commit: string, stderr: string): OrcoError {
  const invalid = /^error: invalid path '(.*)'$/m.exec(stderr)?.[1];
  if (invalid === undefined) return localTrouble(`write the files of commit ${commit}`, stderr);
  return new OrcoError("invalid", `the commit holds a path that no working tree may have: ${plainLine(invalid, 200)}`, {
    commit,
    path: plainLine(invalid, 200),
  });
}

function shown(bytes: string): string {
  return plainLine(Buffer.from(bytes, "latin1").toString("utf8"), 200);
}
