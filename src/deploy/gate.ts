import { matchesGlob } from "./glob.ts";
import type { DecideGate, GateReason } from "./ports.ts";

/** A diff can touch thousands of protected paths; a person reads a few. */
const MAX_PATHS = 20;

/** Why the deploy of a diff needs a person; empty when it does not. Each path is named once, with the first pattern that protects it. */
export const decideGate: DecideGate = ({ files }, { protected_paths, diff_limits }) => {
  const reasons: GateReason[] = [];
  for (const { path } of files) {
    const pattern = protected_paths.find((candidate) => matchesGlob(candidate, path));
    if (pattern !== undefined) reasons.push({ kind: "protected_path", path, pattern });
    if (reasons.length === MAX_PATHS) break;
  }
  const { max_files: maxFiles = Infinity, max_lines: maxLines = Infinity } = diff_limits ?? {};
  if (files.length > maxFiles) reasons.push({ kind: "too_many_files", files: files.length, max: maxFiles });
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  if (lines > maxLines) reasons.push({ kind: "too_many_lines", lines, max: maxLines });
  return reasons;
};
