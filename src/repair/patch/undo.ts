import { lstatSync, rmdirSync } from "node:fs";
import { OrcoError } from "../../kernel/errors.ts";
import type { Intent, IntentFile, Keep } from "./keep.ts";
import { type Found, inside, type Place, Places, readAt, sha256Of } from "./place.ts";
import { type Move, moveBack, moveIn, remove, syncFolder, tolerating, writeNew } from "./swap.ts";

/** What is at a name: its hash, null where there is nothing, undefined where it is no plain file. */
type Seen = string | null | undefined;

export function moveOf(from: string | null, to: string | null): Move {
  if (from === null) return "appear";
  return to === null ? "vanish" : "exchange";
}

/** Makes the files what they were before the intent, wherever a crash left them. Returns those that somebody else has changed since: they stay. */
export function undo(intent: Intent, places: Places, keep: Keep): string[] {
  const made = new Set(intent.folders);
  const files = [...intent.files.entries()].toReversed();
  const left = files.filter(([index, file]) => !restored({ file, index, made }, places, keep)).map(([, { path }]) => path);
  const folders = intent.folders.toReversed().filter((folder) => !removed(places, folder, made));
  return [...left.toReversed(), ...folders];
}

/** Whether something that the intent wrote is still there. */
export function holdsOurs(intent: Intent, places: Places): boolean {
  return intent.files.some(({ path, pre, post }) => {
    const place = placeOf(places, path);
    return place === null || (place !== undefined && pre !== post && seen(place, place.name) === post);
  });
}

interface Undone {
  readonly file: IntentFile;
  readonly index: number;
  readonly made: ReadonlySet<string>;
}

function restored({ file, index, made }: Undone, places: Places, keep: Keep): boolean {
  const place = placeOf(places, file.path);
  if (place === null) return false;
  if (place === undefined) return file.pre === null && isUnmade(places, file.path, made);
  const was = { place, file, keep };
  const settled = settledUndo(was);
  settleApply(was);
  const whole = settled && (seen(place, place.name) === file.pre || putBack(was, index));
  syncFolder(place.folder);
  return whole;
}

/** One of the folders that we would have made is not there, while the one above it is: so nothing of ours lies below. */
function isUnmade(places: Places, path: string, made: ReadonlySet<string>): boolean {
  const names = path.split("/");
  const folders = names.slice(1).map((_, index) => names.slice(0, index + 1).join("/"));
  return folders.some((folder) => {
    const place = made.has(folder) ? placeOf(places, folder) : undefined;
    return place !== null && place !== undefined && !lstatSync(inside(place.folder, place.name), { throwIfNoEntry: false });
  });
}

interface Scene {
  readonly place: Place;
  readonly file: IntentFile;
  readonly keep: Keep;
}

/** Null: there is something else on the way. */
function placeOf(places: Places, path: string): Place | undefined | null {
  try {
    return places.of(path);
  } catch (error) {
    if (error instanceof OrcoError) return null;
    throw error;
  }
}

/** An undo that died: where it had changed places already, what it took away lies at its own name. */
function settledUndo(scene: Scene): boolean {
  const { place, file } = scene;
  const temp = undoName(file);
  const taken = seen(place, temp);
  const foreign = file.post !== null && taken !== null && taken !== file.post && taken !== file.pre;
  if (foreign && seen(place, place.name) === file.pre && !isHalf(place, temp)) {
    moveBack(moveOf(file.post, file.pre), place, temp);
    remove(place, temp);
    return false;
  }
  drop(scene, temp);
  return true;
}

/** A patch that died: what lay there before lies at its temporary name. That goes back as it is, be it the file we knew or a later one. */
function settleApply(scene: Scene): void {
  const { place, file } = scene;
  const swapped = file.pre !== null && seen(place, file.temp) !== null && seen(place, place.name) === file.post;
  if (swapped && !isHalf(place, file.temp)) {
    moveBack(moveOf(file.pre, file.post), place, file.temp);
    // Somebody was quicker: theirs stays.
    if (file.post !== null && seen(place, file.temp) !== file.post) moveBack("exchange", place, file.temp);
  }
  drop(scene, file.temp);
}

/** The beginning of what is there already: written by a process that was killed, not taken away from there. */
function isHalf(place: Place, temp: string): boolean {
  const [there, whole] = [look(place, temp)?.bytes, look(place, place.name)?.bytes];
  return there !== undefined && whole !== undefined && there.length < whole.length && there.equals(whole.subarray(0, there.length));
}

/** Ours, or half of ours; anything else is put aside first. */
function drop({ place, file, keep }: Scene, temp: string): void {
  const there = seen(place, temp);
  if (there === null) return;
  const now = seen(place, place.name);
  if (there !== undefined && there !== file.pre && there !== file.post && now !== file.pre && now !== file.post)
    keep.putAside(file.temp.slice(1), readAt(place, temp)?.bytes ?? Buffer.alloc(0));
  remove(place, temp);
}

function putBack({ place, file, keep }: Scene, index: number): boolean {
  if (seen(place, place.name) !== file.post) return false;
  const temp = undoName(file);
  if (file.pre !== null) {
    const bytes = keep.pre(index);
    if (sha256Of(bytes) !== file.pre) return false;
    writeNew(place, temp, { bytes, looks: file.looks });
  }
  const move = moveOf(file.post, file.pre);
  const moved = moveIn(move, place, temp);
  const taken = move === "appear" ? file.post : seen(place, temp);
  if (moved && (taken === file.post || taken === null)) {
    remove(place, temp);
    return true;
  }
  if (moved) moveBack(move, place, temp);
  if (move !== "vanish") remove(place, temp);
  return false;
}

function undoName({ temp }: IntentFile): string {
  return `${temp}-undo`;
}

function seen(place: Place, name: string): Seen {
  const found = look(place, name);
  return found ? found.sha256 : found;
}

function look(place: Place, name: string): Found | null | undefined {
  try {
    return readAt(place, name);
  } catch (error) {
    if (error instanceof OrcoError) return undefined;
    throw error;
  }
}

/** False: the way there is blocked. One that somebody put something into stays. */
function removed(places: Places, path: string, made: ReadonlySet<string>): boolean {
  const place = placeOf(places, path);
  if (!place) return place === undefined && isUnmade(places, path, made);
  if (lstatSync(inside(place.folder, place.name), { throwIfNoEntry: false })?.isDirectory()) {
    tolerating(["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"], () => rmdirSync(inside(place.folder, place.name)));
    syncFolder(place.folder);
  }
  return true;
}
