import type { KubeObject } from "./objects.ts";
import type { Shelf } from "./shelf.ts";

export interface WatchEvent {
  readonly type?: string;
  readonly object?: KubeObject & { readonly code?: number; readonly message?: string };
}

/** How objects of one kind are read and shelved. */
export interface Kind<T extends { readonly name: string; readonly uid: string }> {
  /** `/apis/batch/v1/namespaces/x/jobs`. */
  readonly path: string;
  readonly facts: (object: KubeObject) => T;
  readonly jobOf: (object: T) => string;
}

/** `next`: where to go on from. `expired`: the server has forgotten what came after; only a new list helps. */
export type Applied = { readonly next: string | undefined } | { readonly expired: true } | { readonly error: string };

const GONE = 410;

/** One line of a watch. Source: kubernetes.io, API Concepts: "410 Gone" comes as an ERROR event too, inside of a 200. */
export function applyWatchEvent<T extends { readonly name: string; readonly uid: string }>(
  { type, object = {} }: WatchEvent,
  shelf: Shelf<T>,
  kind: Kind<T>,
): Applied {
  if (type === "ERROR") return object.code === GONE ? { expired: true } : { error: object.message ?? "unknown error" };
  const next = object.metadata?.resourceVersion;
  if (type === "ADDED" || type === "MODIFIED") shelf.put(kind.facts(object));
  if (type === "DELETED") {
    const facts = kind.facts(object);
    shelf.remove({ name: facts.name, uid: facts.uid, job: kind.jobOf(facts) });
  }
  return { next };
}
