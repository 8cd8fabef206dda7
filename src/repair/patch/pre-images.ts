import { createHash } from "node:crypto";
import { mayBeRepository, runGit } from "./git-run.ts";
import { Places, readAt, sha256Of } from "./place.ts";

/** SHA-256 of the files as they are, hex; null where there is none. Throws `patch_refused` where one is no plain file or lies behind a link. */
export async function preImages(workspace: string, paths: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
  return new Map([...readFiles(workspace, paths)].map(([path, bytes]) => [path, bytes && sha256Of(bytes)]));
}

/** The commit that is checked out, as hex; null where the workspace is in no repository, or nothing of it was ever committed. */
export async function baseCommit(workspace: string): Promise<string | null> {
  if (!mayBeRepository(workspace)) return null;
  const { code, stdout } = await runGit({ cwd: workspace, args: ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"] });
  const commit = stdout.trim();
  if (code !== 0 || !/^[0-9a-f]{40,64}$/.test(commit)) return null;
  const tree = await runGit({ cwd: workspace, args: ["rev-parse", "--verify", "--quiet", "HEAD:./"] });
  return tree.code === 0 ? commit : null;
}

export interface DirtyQuery {
  readonly workspace: string;
  readonly paths: readonly string[];
  /** SHA-256 of what earlier repairs left there: not committed, but nobody's unsaved work. */
  readonly known?: ReadonlySet<string>;
}

/**
 * Those of the files that hold what nobody committed: staged, changed, untracked, deleted; none where there is no git. Not those that are as an
 * earlier repair left them. Throws `patch_refused` where one is no plain file.
 */
export async function dirtyFiles({ workspace, paths, known = new Set() }: DirtyQuery): Promise<string[]> {
  if (paths.length === 0 || (await baseCommit(workspace)) === null) return [];
  const files = readFiles(workspace, paths);
  const [committed, staged, ignored] = await Promise.all([
    blobs(workspace, ["ls-tree", "-z", "HEAD", "--", ...paths], /^\d+ blob ([0-9a-f]+)\t([^]*)$/),
    blobs(workspace, ["ls-files", "--stage", "-z", "--", ...paths], /^\d+ ([0-9a-f]+) \d\t([^]*)$/),
    ignoredOf(workspace, paths),
  ]);
  const dirty: string[] = [];
  for (const path of paths) {
    const bytes = files.get(path) ?? null;
    if (bytes && known.has(sha256Of(bytes))) continue;
    const [base, index] = [committed.get(path), staged.get(path)];
    if (base === undefined && index === undefined && (bytes === null || ignored.has(path))) continue;
    const isClean = base !== undefined && base === index && bytes !== null && (await isBlob(workspace, { path, bytes, blob: base }));
    if (!isClean) dirty.push(path);
  }
  return dirty;
}

function readFiles(workspace: string, paths: readonly string[]): ReadonlyMap<string, Buffer | null> {
  using places = new Places(workspace);
  const read = (path: string): Buffer | null => {
    const place = places.of(path);
    return (place && readAt(place, place.name)?.bytes) ?? null;
  };
  return new Map(paths.map((path) => [path, read(path)]));
}

async function blobs(workspace: string, args: readonly string[], form: RegExp): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await runGit({ cwd: workspace, args });
  const rows = stdout.split("\0").map((row) => form.exec(row));
  return new Map(rows.flatMap((row) => (row ? [[row[2] ?? "", row[1] ?? ""] as const] : [])));
}

async function ignoredOf(workspace: string, paths: readonly string[]): Promise<ReadonlySet<string>> {
  const args = ["ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", ...paths];
  return new Set((await runGit({ cwd: workspace, args })).stdout.split("\0"));
}

/** By its bytes; else as git would store it, with the line ends that attributes ask for, but without any program they name. */
async function isBlob(workspace: string, { path, bytes, blob }: { path: string; bytes: Buffer; blob: string }): Promise<boolean> {
  const hash = createHash(blob.length === 64 ? "sha256" : "sha1")
    .update(`blob ${bytes.length}\0`)
    .update(bytes)
    .digest("hex");
  if (hash === blob) return true;
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) return false;
  const filters = await runGit({ cwd: workspace, args: ["config", "-z", "--name-only", "--get-regexp", "^filter\\."] });
  const names = new Set(filters.stdout.split("\0").flatMap((name) => /^(filter\.[^]*)\.[^.]*$/.exec(name)?.[1] ?? []));
  const settings = [...names].flatMap(
    (name) =>
      [
        [`${name}.clean`, ""],
        [`${name}.process`, ""],
        [`${name}.required`, "false"],
      ] as const,
  );
  const { stdout } = await runGit({ cwd: workspace, args: ["hash-object", "--stdin", `--path=${path}`], stdin: text, settings });
  return stdout.trim() === blob;
}
