import { createHash } from "node:crypto";
import { canonical } from "../kernel/canonical.ts";
import { frontedPorts } from "./fronts/fronted.ts";
import type { ServiceSpec } from "./spec.ts";

/**
 * What a running instance need not be restarted for. How many there are, what they wait for, how they are replaced and when they are
 * started again are decisions of the supervisor, which takes new ones at once; the others are notes for people.
 * Everything else (probes, hooks, stop and logging too) belongs to the instance: it keeps what it was started with until it is replaced.
 */
const APPLIED_IN_PLACE = [
  "replicas",
  "update",
  "restartPolicy",
  "dependsOn",
  "description",
  "labels",
  "profiles",
  "disabled",
  "watch",
  "schedule",
  "repair",
] as const satisfies readonly (keyof ServiceSpec)[];

/** Specs never change; every transition asks for the hash of one. */
const known = new WeakMap<ServiceSpec, string>();

/**
 * 12 hex digits over what needs a restart when it changes, and over which host ports the edge fronts: there an instance listens elsewhere.
 * Key order does not matter.
 */
export function configHash(service: ServiceSpec): string {
  const before = known.get(service);
  if (before !== undefined) return before;
  const skip: ReadonlySet<string> = new Set(APPLIED_IN_PLACE);
  const kept = Object.fromEntries(Object.entries(service).filter(([key]) => !skip.has(key)));
  const fronted = frontedPorts(service).map(({ host }) => host);
  const text = canonical({ ...kept, ...(fronted.length > 0 && { fronted }) });
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  known.set(service, hash);
  return hash;
}
