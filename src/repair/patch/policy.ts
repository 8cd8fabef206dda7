import type { ServiceProfile } from "../project.ts";
import type { FileChange, Violation } from "./change.ts";
import { diffOfChanges } from "./diff.ts";
import { hunksOf, linesOf } from "./diff-lines.ts";
import { isLiteral, matchesGlob } from "./glob.ts";
import { blockedAs, type BlockedKind, folded, isDefault, isLockFile, isPolicyFile } from "./lists.ts";
import { pathProblem } from "./paths.ts";
import { secretsIn } from "./secret-scan.ts";

const MAX_FILES = 20;
const MAX_DIFF_BYTES = 256 * 1024;
/** Outside lock files, which tools write. */
const MAX_CHANGED_LINES = 400;
/** Terminal escapes, and what shows an approver other text than there is; a tab is none. */
const HIDDEN = /[^\P{Cc}\t]|[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
const KINDS: Readonly<Record<BlockedKind, string>> = {
  compose: "is a compose file",
  environment: "holds the operator's environment",
  secret: "is where secrets are kept",
  infrastructure: "describes infrastructure",
};

export interface PatchRules {
  /** Of the service, relative to the workspace; "" is the workspace. */
  readonly directory: string;
  /** Relative to the workspace. */
  readonly dockerfile?: string | undefined;
  /** Globs below the directory; with a slash in front below the workspace. */
  readonly allow: readonly string[];
  readonly block: readonly string[];
  /** The profile's own compose file, relative to the workspace. */
  readonly composeFile?: string | undefined;
  readonly hasApproval: boolean;
  /** Directories of other services below this one's: theirs, not ours. */
  readonly others: readonly string[];
  /** Values that no diff may hold. */
  readonly secrets: readonly string[];
}

export interface RulesSource {
  readonly directory: string;
  readonly dockerfile?: string | undefined;
  readonly profile: Pick<ServiceProfile, "allow" | "block" | "composeFile">;
  /** Somebody has approved, or (while it is planned) will be asked to. */
  readonly hasApproval: boolean;
  readonly others?: readonly string[];
  readonly secrets?: Iterable<string>;
}

export function patchRules({ profile, directory, others = [], secrets = [], ...rest }: RulesSource): PatchRules {
  const { allow, block, composeFile } = profile;
  const inside = others.filter((other) => other !== directory && relativeTo(directory, other) !== undefined);
  return { ...rest, directory, allow, block, composeFile: composeFile?.replace(/^(?:\.\/)+/, ""), others: inside, secrets: [...secrets] };
}

/** Everything that is wrong with a patch; nothing: it may be written. */
export function decidePatch(changes: readonly FileChange[], rules: PatchRules): readonly Violation[] {
  return [...changes.flatMap((change) => ofFile(change, rules)), ...ofAll(changes)];
}

/** Why a patch needs somebody's approval whoever is protected: files that the profile opens, but that nobody opens alone. */
export function approvalReasons(changes: readonly FileChange[], rules: PatchRules): readonly string[] {
  return changes
    .filter(
      ({ path, after }) => pathProblem(path) === undefined && opened(path, rules) && (kindOf(path, rules) !== undefined || after === null),
    )
    .map(({ path, after }) => `the patch ${after === null ? "deletes" : "changes"} ${path}`);
}

function ofFile(change: FileChange, rules: PatchRules): Violation[] {
  const { path } = change;
  const problem = pathProblem(path);
  if (problem !== undefined) return [{ path, rule: "path", message: problem }];
  const place = refusedPlace(path, rules);
  return [...(place ? [place] : []), ...ofContent(change, rules)];
}

function refusedPlace(path: string, rules: PatchRules): Violation | undefined {
  if (isPolicyFile(path)) return { path, rule: "policy_file", message: "is the policy of repairs, which no repair changes" };
  if (rules.block.some((glob) => isBlockedBy(glob, path, rules.directory)))
    return { path, rule: "blocked", message: "is blocked in orco.repair.yaml" };
  const kind = kindOf(path, rules);
  const isOpen = opened(path, rules);
  if (kind !== undefined) {
    if (!isOpen) return { path, rule: "blocked", message: `${KINDS[kind]}: only \`allow\` in orco.repair.yaml and an approval open it` };
    return rules.hasApproval ? undefined : { path, rule: "needs_approval", message: `${KINDS[kind]}: it needs an approval` };
  }
  if (isOpen || path === rules.dockerfile || isOwnDefault(path, rules)) return undefined;
  const where = rules.directory === "" ? "the service's directory" : rules.directory;
  return { path, rule: "not_allowed", message: `is not on the list of files that a repair may change below ${where}` };
}

function isOwnDefault(path: string, { directory, others }: PatchRules): boolean {
  const relative = relativeTo(directory, path);
  return relative !== undefined && isDefault(relative) && !others.some((other) => relativeTo(other, path) !== undefined);
}

function kindOf(path: string, { directory, composeFile }: PatchRules): BlockedKind | undefined {
  if (composeFile !== undefined && folded(path) === folded(composeFile)) return "compose";
  const folders = (relativeTo(directory, path) ?? path).split("/");
  const name = folders.pop() ?? "";
  return blockedAs({ name, folders });
}

/** By the profile. A compose file seldom lies below a service: its plain name stands for the one of the workspace. */
function opened(path: string, rules: PatchRules): boolean {
  const relative = relativeTo(rules.directory, path);
  return rules.allow.some((glob) => {
    if (glob.startsWith("/")) return matchesGlob(glob.slice(1), path);
    const plain = glob.replace(/^\.\//, "");
    if (isLiteral(plain) && plain === path && kindOf(path, rules) === "compose") return true;
    return relative !== undefined && matchesGlob(plain, relative);
  });
}

/** Generous, as it only takes away: also below the workspace, at any depth where it has no slash, and all beneath a folder. */
function isBlockedBy(glob: string, path: string, directory: string): boolean {
  const plain = folded(glob)
    .replace(/^\.?\/+/, "")
    .replace(/\/+$/, "");
  const paths = [path, relativeTo(directory, path) ?? path].map(folded);
  const globs = plain.includes("/") ? [plain] : [`**/${plain}`];
  return globs.some((one) => paths.some((path) => matchesGlob(one, path) || matchesGlob(`${one}/`, path)));
}

function relativeTo(directory: string, path: string): string | undefined {
  if (directory === "") return path;
  return path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : undefined;
}

function ofContent(change: FileChange, rules: PatchRules): Violation[] {
  const { path, before, after, mode = 0o644 } = change;
  const found: Violation[] = [];
  const refuse = (rule: string, message: string): void => void found.push({ path, rule, message });
  if (before === null && after === null) refuse("empty", "is neither there nor made");
  if (after === null && !(rules.hasApproval && opened(path, rules)))
    refuse("delete", "is deleted: only `allow` in orco.repair.yaml and an approval do that");
  if (before === null && (mode & ~0o775) !== 0) refuse("mode", `gets the mode ${mode.toString(8)}`);
  if ([before, after].some((text) => text !== null && (text.includes("\0") || !text.isWellFormed()))) refuse("binary", "is no text");
  const lines = addedBy(change);
  if (lines.some((line) => HIDDEN.test(line.replace(/\r?\n$/, "")))) refuse("hidden", "gets characters that cannot be seen");
  for (const secret of secretsIn(diffOfChanges([change]), rules.secrets)) refuse("secret", `the diff holds ${secret}`);
  return found;
}

function addedBy({ before, after }: FileChange): string[] {
  const known = new Set(linesOf(before ?? ""));
  return linesOf(after ?? "").filter((line) => !known.has(line));
}

function ofAll(changes: readonly FileChange[]): Violation[] {
  const found: Violation[] = [];
  const refuse = (rule: string, message: string): void => void found.push({ path: "", rule, message });
  if (changes.length > MAX_FILES) refuse("size", `it changes ${changes.length} files, ${MAX_FILES} at most may be`);
  const names = changes.map(({ path }) => folded(path));
  if (new Set(names).size < names.length) refuse("twice", "it changes one file twice");
  const bytes = Buffer.byteLength(diffOfChanges(changes));
  if (bytes > MAX_DIFF_BYTES) refuse("size", `its diff has ${bytes} bytes, ${MAX_DIFF_BYTES} at most may be`);
  const lines = changes.filter(({ path }) => !isLockFile(path)).reduce((sum, change) => sum + changedLines(change), 0);
  if (lines > MAX_CHANGED_LINES) refuse("size", `it changes ${lines} lines outside lock files, ${MAX_CHANGED_LINES} at most may be`);
  return found;
}

function changedLines({ before, after }: FileChange): number {
  return hunksOf(before ?? "", after ?? "").flatMap(({ lines }) => lines.filter(({ op }) => op !== " ")).length;
}
