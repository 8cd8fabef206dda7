import type { Diagnosis, FileEdit, Finding } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { evidenceLine, type FoundLine } from "./entry.ts";

/** How sure a finding is, and what that means; on the page of the catalogue. */
export const CONFIDENCE = {
  confirmed: { value: 0.95, means: "the message names the fault, and the service's own files show it" },
  named: { value: 0.85, means: "the message names the fault, and only one thing mends it" },
  likely: { value: 0.7, means: "the message names the fault; what mends it is the usual remedy" },
  guessed: { value: 0.5, means: "the message has other causes too" },
} as const;

export type Sureness = keyof typeof CONFIDENCE;

type Told = Omit<Finding, "evidence" | "confidence"> & {
  readonly lines: readonly Pick<FoundLine, "source" | "number" | "text">[];
  readonly sure: Sureness;
};

/** A finding that a patch does not mend, or not here. */
export function reported({ lines, sure, ...finding }: Told): Diagnosis {
  return { finding: { ...finding, evidence: lines.slice(0, 5).map(evidenceLine), confidence: CONFIDENCE[sure].value } };
}

/** A finding with the new text of the Dockerfile; undefined where nothing of it changes: then it is mended already, or cannot be. */
export function mended(told: Told, snapshot: ServiceSnapshot, text: string | undefined): Diagnosis | undefined {
  const { dockerfile } = snapshot;
  return dockerfile && text !== undefined ? edited(told, snapshot, { path: dockerfile.path, text }) : undefined;
}

/** The same of any file; undefined where it changes nothing. */
function edited(told: Told, { dockerfile, files }: ServiceSnapshot, edit: FileEdit): Diagnosis | undefined {
  const before = edit.path === dockerfile?.path ? dockerfile.text : files.get(edit.path);
  return before === edit.text ? undefined : { ...reported(told), remedy: { kind: "edits", edits: [edit] } };
}

/** The first that anything comes of. */
export function firstOf<Item>(items: readonly Item[], make: (item: Item) => Diagnosis | undefined): Diagnosis | undefined {
  for (const item of items) {
    const made = make(item);
    if (made) return made;
  }
  return undefined;
}
