/** Candidates by id, with a hash of each id beside it. */
export interface Roster<C> {
  readonly byId: readonly C[];
  readonly hashes: Uint32Array;
}

interface Kept extends Roster<{ readonly id: string }> {
  /** The list as it was. */
  readonly seen: readonly unknown[];
}

/** Sorting a thousand ids costs more than a whole decision may; the dispatcher's lists live long, so that it is done once for each. */
const KEPT = new WeakMap<readonly unknown[], Kept>();

/** The order of `list` does not matter; a list that was changed in place is noticed. */
export function rosterOf<C extends { readonly id: string }>(list: readonly C[]): Roster<C> {
  const kept = KEPT.get(list);
  if (kept && isSame(kept.seen, list)) return kept as Roster<C> & Kept;
  const byId = isSorted(list) ? [...list] : list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const made = { byId, hashes: Uint32Array.from(byId, ({ id }) => hashOf(id)), seen: [...list] };
  KEPT.set(list, made);
  return made;
}

/** FNV-1a over UTF-16 code units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** A number in [0, 1) that a key and a candidate draw together; MurmurHash3's finalizer spreads it. */
export function draw(key: number, candidate: number): number {
  let mixed = key ^ Math.imul(candidate, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function isSorted(list: readonly { readonly id: string }[]): boolean {
  for (let at = 1; at < list.length; at++) if ((list[at - 1]?.id ?? "") > (list[at]?.id ?? "")) return false;
  return true;
}
