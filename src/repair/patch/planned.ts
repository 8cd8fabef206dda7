import { OrcoError } from "../../kernel/errors.ts";
import { type ActionPlan, diffOf } from "../plan.ts";
import type { FileWrite } from "./apply.ts";
import type { FileChange } from "./change.ts";
import { applyDiff } from "./diff.ts";
import { type Found, Places, readAt, refusal, sha256Of } from "./place.ts";

/** Null: there is none. Throws `patch_refused` for what is no plain text file. */
export function textIn(workspace: string, path: string): string | null {
  using places = new Places(workspace);
  const found = foundAt(places, path);
  return found && textOf(path, found.bytes);
}

/** What a diff makes of the files as they are now. Throws `patch_refused` where it does not fit, or one is no plain text file with one name. */
export function changesNow(workspace: string, diff: string): readonly FileChange[] {
  using places = new Places(workspace);
  return applyDiff(diff, (path) => {
    const found = foundAt(places, path);
    // What is written is another file: the one that others know would stay as it is.
    if (found && found.stat.nlink > 1) throw refusal(path, "hard_link", `has ${found.stat.nlink} names`);
    return found && textOf(path, found.bytes);
  });
}

function foundAt(places: Places, path: string): Found | null {
  const place = places.of(path);
  return place ? readAt(place, place.name) : null;
}

/** To the byte: what is no UTF-8 would come back as something else. */
function textOf(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refusal(path, "binary", "is no text of UTF-8");
  }
}

/** What a plan's diff makes of the files as they are now. Throws `plan_outdated` (facts: files) where they, or what comes out, are not the plan's. */
export function plannedChanges(workspace: string, plan: ActionPlan): readonly FileWrite[] {
  const changes = fitting(workspace, plan);
  const planned = new Map(plan.files.map((file) => [file.path, file]));
  const strange = changes.filter(({ path, before, after }) => {
    const file = planned.get(path);
    return !file || file.pre_sha256 !== hashOf(before) || file.post_sha256 !== hashOf(after);
  });
  if (strange.length > 0 || changes.length !== plan.files.length) throw outdated(strange.map(({ path }) => path));
  return changes.map(({ path, before, after, mode }) => ({
    path,
    preSha256: hashOf(before),
    after: after === null ? null : Buffer.from(after),
    ...(mode !== undefined && { mode }),
  }));
}

export function hashOf(text: string | null): string | null {
  return text === null ? null : sha256Of(text);
}

/** A diff that does not fit any more is a file that changed. */
function fitting(workspace: string, plan: ActionPlan): readonly FileChange[] {
  try {
    return changesNow(workspace, diffOf(plan));
  } catch (error) {
    if (error instanceof OrcoError && error.code === "patch_refused" && isMismatch(error))
      throw outdated(plan.files.map(({ path }) => path));
    throw error;
  }
}

function isMismatch({ facts }: OrcoError): boolean {
  const errors = facts["errors"] as readonly { rule?: string }[] | undefined;
  return errors?.some(({ rule }) => rule === "diff") ?? false;
}

function outdated(files: readonly string[]): OrcoError {
  const named = files.join(", ") || "the files";
  return new OrcoError("plan_outdated", `${named} changed since the plan was made: nothing was written; repair again to get a new plan`, {
    files,
  });
}
