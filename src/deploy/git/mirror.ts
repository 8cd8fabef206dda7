import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import { Progress } from "./progress.ts";
import { type GitPorts, runGit } from "./run.ts";
import { localTrouble, remoteTrouble } from "./trouble.ts";
import type { RemoteUrl } from "./url.ts";

/** A first clone of a very large repository over a slow line. */
const FETCH_TIMEOUT_MS = 2 * 60 * 60_000;
const ASK_TIMEOUT_MS = 2 * 60_000;

/** Everything that people name commits by. Other refs, ours among them, are left alone. */
const REFSPECS = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/** Above every .gitattributes of a commit: files come out byte for byte, and every file has a diff. */
const ATTRIBUTES = "* -text -ident -filter -working-tree-encoding !eol !diff\n";

/**
 * The repository may be somebody else's: git refuses to serve it to root otherwise, and this one setting is not taken from its caller's environment.
 * upload-pack is made to serve repositories that nobody trusts; the setting is its alone. A constant: it goes through a shell.
 */
const SERVE_ANYBODYS = ["--upload-pack", "git -c safe.directory='*' upload-pack"];

/** Makes the bare repository, whole or not at all; leaves one that is there alone, but for what a git that was killed left in it. */
export async function prepareMirror(ports: GitPorts): Promise<void> {
  const { gitDir } = ports;
  if (existsSync(join(gitDir, "HEAD"))) return clearLeftovers(gitDir);
  const made = `${gitDir}.new`;
  await rm(made, { recursive: true, force: true });
  await mkdir(dirname(gitDir), { recursive: true, mode: 0o700 });
  const init = ["init", "--quiet", "--bare", "--template=", "--object-format=sha1"];
  const { code, stderr } = await runGit({ ...ports, gitDir: made }, init);
  if (code !== 0) throw localTrouble("make the mirror", stderr);
  await mkdir(join(made, "info"), { recursive: true });
  await writeFile(join(made, "info/attributes"), ATTRIBUTES);
  await rm(gitDir, { recursive: true, force: true });
  await rename(made, gitDir);
}

/** Nothing else writes here now, so a lock is that of a git that was killed, and half a pack will never be a whole one. */
async function clearLeftovers(gitDir: string): Promise<void> {
  const packs = join(gitDir, "objects/pack");
  if (!(await readFile(join(gitDir, "HEAD"), "latin1")).startsWith("ref: "))
    await writeFile(join(gitDir, "HEAD"), "ref: refs/heads/main\n");
  for (const name of await readdir(packs).catch(() => [])) if (name.startsWith("tmp_")) await rm(join(packs, name), { force: true });
  for (const entry of await readdir(gitDir)) if (entry.endsWith(".lock")) await rm(join(gitDir, entry), { force: true });
  const refs = join(gitDir, "refs");
  for (const name of await readdir(refs, { recursive: true }).catch(() => []))
    if (name.endsWith(".lock")) await rm(join(refs, name), { recursive: true, force: true });
}

/** Brings branches and tags to where they are upstream: those that moved are moved, those that are gone are gone. Throws `repo_unavailable`, `disk_full`. */
export async function fetchMirror(
  ports: GitPorts,
  remote: RemoteUrl,
  { signal, progress }: { signal: AbortSignal; progress: (line: string) => void },
): Promise<void> {
  await requireRepository(remote);
  await prepareMirror(ports);
  const flags = ["--progress", "--prune", "--force", "--no-tags", "--update-shallow", "--no-write-fetch-head", "--no-recurse-submodules"];
  const args = ["fetch", ...flags, ...serving(remote), "origin", ...REFSPECS];
  const shown = new Progress(ports.clock, progress);
  const call = { remote, signal, timeoutMs: FETCH_TIMEOUT_MS, onStderr: (chunk: Uint8Array) => shown.push(chunk) };
  for (let repaired = false; ; repaired = true) {
    const { code, stderr } = await runGit(ports, args, call).catch(async (error: unknown) => {
      await clearLeftovers(ports.gitDir);
      throw isTimeout(error)
        ? new OrcoError("repo_unavailable", `${remote.shown}: ${error.message}`, { repo: remote.shown, stderr: "" })
        : error;
    });
    if (code === 0) return;
    // At once: half a pack may have filled the disk on which the failure is to be written down.
    await clearLeftovers(ports.gitDir);
    if (repaired || !(await dropEmptyRefs(ports.gitDir))) throw remoteTrouble(stderr, remote);
  }
}

/** A machine that loses power leaves files without their bytes; a ref that names nothing makes every fetch fail. What it named comes again. */
async function dropEmptyRefs(gitDir: string): Promise<boolean> {
  let dropped = false;
  for (const entry of await readdir(join(gitDir, "refs"), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /^[0-9a-f]{40}\n$/.test(await readFile(file, "latin1"))) continue;
    await rm(file);
    dropped = true;
  }
  return dropped;
}

/** The branch that HEAD of the remote names; undefined when it names none, or one without commits. */
export async function remoteHead(ports: GitPorts, remote: RemoteUrl): Promise<string | undefined> {
  await requireRepository(remote);
  const args = ["ls-remote", "--symref", ...serving(remote), "origin", "HEAD"];
  const { code, stdout, stderr } = await runGit(ports, args, { remote, timeoutMs: ASK_TIMEOUT_MS });
  if (code !== 0) throw remoteTrouble(stderr, remote);
  return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout.toString("utf8"))?.[1];
}

function serving({ protocol }: RemoteUrl): string[] {
  return protocol === "file" ? SERVE_ANYBODYS : [];
}

/** git says "Could not read from remote repository" to everything that is wrong with a folder. */
async function requireRepository({ path, shown }: RemoteUrl): Promise<void> {
  if (path === undefined) return;
  const refuse = (why: string): OrcoError => new OrcoError("repo_unavailable", `${shown}: ${why}`, { repo: shown, stderr: "" });
  try {
    if (!(await stat(path)).isDirectory()) throw refuse("that is a file, not a repository");
    await readdir(path);
  } catch (error) {
    if (error instanceof OrcoError) throw error;
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw refuse("there is no such folder (any more)");
    if (code === "EACCES") throw refuse("the daemon's user may not read it");
    throw refuse(`it cannot be read (${code ?? "unknown"})`);
  }
}

function isTimeout(error: unknown): error is OrcoError {
  return error instanceof OrcoError && error.code === "timeout";
}
