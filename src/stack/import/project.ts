import { relative, resolve } from "node:path";
import type { Path } from "../load/source.ts";
import type { Cursor } from "./cursor.ts";

/** What all services share. */
export interface Project {
  /** Absolute: paths of the result are relative to it. */
  readonly folder: string;
  /** The folder that paths of a file of the source are relative to, by the name of that file. */
  readonly bases: ReadonlyMap<string, string>;
  readonly root: Cursor;
  /** Service of compose → service of orco. */
  readonly names: ReadonlyMap<string, string>;
  /** Whether something is there, by absolute path. */
  readonly exists: (path: string) => boolean;
}

/** A service while it is being made. */
export interface Draft {
  readonly name: string;
  readonly from: string;
  readonly project: Project;
  readonly source: Cursor;
  /** Of stack.yaml. */
  readonly fields: Record<string, unknown>;
}

export type Handler = (at: Cursor, draft: Draft) => void;

export function to(draft: Draft, ...path: Path): Path {
  return ["services", draft.name, ...path];
}

/** Adds to a list of the draft; the path of what was added. */
export function push(draft: Draft, field: string, value: unknown): Path {
  const list = listOf(draft, field);
  list.push(value);
  return to(draft, field, list.length - 1);
}

export function listOf(draft: Draft, field: string): unknown[] {
  const found = draft.fields[field];
  if (Array.isArray(found)) return found;
  const list: unknown[] = [];
  draft.fields[field] = list;
  return list;
}

/** Puts into a mapping of the draft; the path of what was put. */
export function put(draft: Draft, [field, ...path]: readonly [string, ...string[]], value: unknown): Path {
  const last = path.at(-1);
  if (last === undefined) draft.fields[field] = value;
  else {
    let map = mapIn(draft.fields, field);
    for (const key of path.slice(0, -1)) map = mapIn(map, key);
    map[last] = value;
  }
  return to(draft, field, ...path);
}

function mapIn(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  const found = parent[key];
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Record<string, unknown>;
  const made: Record<string, unknown> = {};
  parent[key] = made;
  return made;
}

/** A path of the source as the result must say it: what came from a file in another folder is relative to that folder. */
export function rebased(text: string, at: Cursor, { folder, bases }: Project): string {
  const base = bases.get(at.node.file.name) ?? folder;
  if (base === folder || /^[/~$]/.test(text)) return text;
  const path = relative(folder, resolve(base, text));
  return path === "" ? "." : path.startsWith("..") ? path : `./${path}`;
}

/** Whether a path of the result is there; true where nobody can know. */
export function isThere(text: string, { folder, exists }: Project): boolean {
  return /^~|\$/.test(text) || exists(resolve(folder, text));
}
