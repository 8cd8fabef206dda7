import { randomBytes } from "node:crypto";
import { fstatSync } from "node:fs";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import { type Intent, type IntentFile, Keep } from "./keep.ts";
import { type Found, type Place, Places, readAt, refusal, sha256Of } from "./place.ts";
import { moveIn, remove, syncFolder, writeNew } from "./swap.ts";
import { holdsOurs, moveOf, undo } from "./undo.ts";

export interface FileWrite {
  /** Relative to the workspace. */
  readonly path: string;
  /** Of what is there now, hex; null: nothing is. */
  readonly preSha256: string | null;
  /** null: the file goes. */
  readonly after: Buffer | null;
  /** Of a new file; 0o644 when absent. One that is there keeps its own. */
  readonly mode?: number;
}

export interface PatchWork {
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  readonly changes: readonly FileWrite[];
  /** Folder for what is overwritten, which `revertChanges` reads. Of this patch alone. */
  readonly keep: string;
}

/**
 * Writes all of the files or none. Each is written beside its place and then put there, below folders that are held open, so that nothing outside the
 * workspace is touched whoever swaps folders for links meanwhile. A crash at any moment is undone by `revertChanges`; a second call begins anew.
 * Throws `plan_outdated` (facts: files) where a file is not what was planned on, `patch_refused` where one is no plain file of one name,
 * `disk_full`, `conflict` where the workspace may not be written.
 */
export async function applyChanges({ workspace, changes, keep: folder }: PatchWork): Promise<void> {
  await revertChanges({ workspace, keep: folder });
  using places = new Places(workspace);
  const keep = new Keep(folder);
  const found = changes.map((change) => lookedAt(places, change));
  const { intent, writes } = planned(changes, found, places);
  telling(() =>
    keep.write(
      intent,
      found.map((one) => one?.bytes ?? null),
    ),
  );
  try {
    telling(() => writing(() => written(writes, places)));
  } catch (error) {
    undo(intent, places, keep);
    // What is not as it was then is somebody else's.
    if (!holdsOurs(intent, places)) keep.takenBack();
    throw error;
  }
}

/**
 * Makes the files what they were before `applyChanges`, byte for byte; nothing to do where it never wrote. Returns those that it leaves alone because
 * somebody else has changed them since. Safe to repeat, after a crash too. Throws `disk_full`.
 */
export async function revertChanges({ workspace, keep: folder }: Omit<PatchWork, "changes">): Promise<readonly string[]> {
  const keep = new Keep(folder);
  const intent = keep.read();
  if (!intent) return [];
  using places = new Places(workspace);
  const left = telling(() => undo(intent, places, keep));
  if (left.length === 0) keep.takenBack();
  return left;
}

function lookedAt(places: Places, { path, preSha256 }: FileWrite): Found | null {
  const place = places.of(path);
  const found = place ? readAt(place, place.name) : null;
  if ((found?.sha256 ?? null) !== preSha256) throw outdated(path);
  if (found && found.stat.nlink !== 1)
    throw refusal(path, "hard_link", `has ${found.stat.nlink} names: what is written there is written elsewhere too`);
  return found;
}

interface Write {
  readonly change: FileWrite;
  readonly file: IntentFile;
}

function planned(changes: readonly FileWrite[], found: readonly (Found | null)[], places: Places): { intent: Intent; writes: Write[] } {
  const writes = changes.map((change, index) => ({ change, file: intended(change, found[index] ?? null) }));
  const folders = new Set(changes.flatMap(({ path }) => missingFolders(places, path)));
  return { intent: { version: 1, files: writes.map(({ file }) => file), folders: [...folders] }, writes };
}

function intended({ path, preSha256, after, mode = 0o644 }: FileWrite, found: Found | null): IntentFile {
  const stat = found?.stat;
  const looks = stat
    ? { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtimeMs: stat.mtimeMs }
    : { mode: mode & 0o755, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return { path, pre: preSha256, post: after && sha256Of(after), looks, temp: `.orco-${randomBytes(12).toString("hex")}` };
}

/** Outermost first. */
function missingFolders(places: Places, path: string): string[] {
  const names = path.split("/");
  return names
    .slice(1)
    .map((_, index) => names.slice(0, index + 1).join("/"))
    .filter((folder) => places.of(`${folder}/x`) === undefined);
}

/** First everything that takes space, then everything that shows. */
function written(writes: readonly Write[], places: Places): void {
  const placed = writes.map((write) => ({ ...write, place: prepared(write, places) }));
  for (const { place } of placed) requireSame(places, place);
  for (const one of placed) putThere(one);
  for (const { place } of placed) requireSame(places, place);
  for (const { place, file } of placed) remove(place, file.temp);
  for (const { place } of placed) syncFolder(place.folder);
}

function prepared({ change, file }: Write, places: Places): Place {
  const place = places.make(change.path);
  const { uid, gid } = file.pre === null ? fstatSync(place.folder) : file.looks;
  const { mode } = file.looks;
  if (change.after) writeNew(place, file.temp, { bytes: change.after, looks: { mode, uid, gid } });
  return place;
}

/** What came out must be what went in the plan: whoever edited it a moment ago gets it back when all is undone. */
function putThere({ file, place }: Write & { readonly place: Place }): void {
  const move = moveOf(file.pre, file.post);
  if (!moveIn(move, place, file.temp)) throw outdated(file.path);
  if (move === "appear") return;
  const taken = readAt(place, file.temp);
  if (taken !== null && taken.sha256 !== file.pre) throw outdated(file.path);
  if (taken !== null && taken.stat.nlink !== 1) throw refusal(file.path, "hard_link", "got a second name meanwhile");
}

function requireSame(places: Places, place: Place): void {
  if (!places.stillLeadTo(place)) throw refusal(place.path, "symlink", "its folder was replaced by another meanwhile");
}

function outdated(path: string): OrcoError {
  const text = `${JSON.stringify(path)} is not what the plan was made for: somebody changed it since; start the repair again`;
  return new OrcoError("plan_outdated", text, { files: [path] });
}

function telling<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOSPC" && errno !== "EDQUOT") throw error;
    throw new OrcoError("disk_full", "there is no room for the patch: make space on the disk", {}, { cause: error });
  }
}

const NOT_WRITABLE = {
  EROFS: "the file system of the project is read-only; mount it so that orco can write",
  EACCES: "orco may not write there; run it as a user that may",
  EPERM: "orco may not write there; look at the owner and the attributes of the files (lsattr)",
} as const;

/** Of the workspace. */
function writing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "EROFS" && errno !== "EACCES" && errno !== "EPERM") throw error;
    throw new OrcoError("conflict", `the patch cannot be written: ${NOT_WRITABLE[errno]}`, {}, { cause: error });
  }
}
