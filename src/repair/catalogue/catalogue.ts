import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { DEPENDENCY_ENTRIES } from "./dependency-entries.ts";
import type { Entry } from "./entry.ts";
import { inOrder } from "./order.ts";
import { RUNNING_ENTRIES } from "./running-entries.ts";
import { SYSTEM_ENTRIES } from "./system-entries.ts";

/** Every fault that is known (repair.md, "Catalogue"); several may stand under one number, each with a slug of its own. */
export const CATALOGUE: readonly Entry[] = [...SYSTEM_ENTRIES, ...DEPENDENCY_ENTRIES, ...RUNNING_ENTRIES].toSorted((a, b) => a.id - b.id);

/** What is wrong, the best explanation first; empty where the catalogue knows nothing of it. Pure. */
export function diagnose(evidence: Evidence, snapshot: ServiceSnapshot): readonly Diagnosis[] {
  const found = CATALOGUE.map((entry) => entry.match(evidence, snapshot)).filter((one) => one !== undefined);
  return inOrder(found);
}
