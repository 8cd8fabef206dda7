import { chownSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import { type GitCall, gitText, runGit } from "./git-run.ts";
import { Places, readAt } from "./place.ts";

const NOTHING = "0".repeat(40);

export interface BranchFile {
  readonly path: string;
  /** SHA-256 of what has to lie in the workspace; null: nothing. */
  readonly sha256: string | null;
}

export interface BranchWork {
  readonly workspace: string;
  /** The commit it stands on, hex. */
  readonly base: string;
  readonly branch: string;
  readonly files: readonly BranchFile[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly signal: AbortSignal;
}

/**
 * Commits the files as they lie in the workspace onto a branch of their own. The operator's index, tree and HEAD are not touched. A branch that holds
 * the same already is taken as it is. Returns the commit. Throws `plan_outdated`, `conflict`, `repo_unavailable`.
 */
export async function commitBranch(work: BranchWork): Promise<string> {
  const { workspace, branch, base, signal } = work;
  const gitDir = await gitText({ cwd: workspace, args: ["rev-parse", "--absolute-git-dir"], signal });
  const owner = ownerOf(gitDir);
  const folder = mkdtempSync(join(tmpdir(), "orco-index-"));
  try {
    if (owner) chownSync(folder, owner.uid, owner.gid);
    const { name, email } = work.author;
    const who = { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
    const git: Git = (args, stdin) => ({
      cwd: workspace,
      args,
      signal,
      env: { ...who, GIT_INDEX_FILE: join(folder, "index") },
      ...(stdin !== undefined && { stdin }),
      user: owner && `${owner.uid}:${owner.gid}`,
    });
    const tree = await treeOf(work, git);
    const former = await runGit(git(["rev-parse", "--verify", "--quiet", `refs/heads/${branch}`]));
    if (former.code === 0) return await sameOrConflict(git, { commit: former.stdout.trim(), tree, base, branch });
    const commit = await gitText(git(["commit-tree", tree, "-p", base, "-F", "-"], work.message));
    await gitText(git(["update-ref", `refs/heads/${branch}`, commit, NOTHING.padEnd(commit.length, "0")]));
    return commit;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Git = (args: readonly string[], stdin?: string) => GitCall;

async function treeOf({ workspace, base, files }: BranchWork, git: Git): Promise<string> {
  const prefix = await gitText(git(["rev-parse", "--show-prefix"]));
  await gitText(git(["read-tree", base]));
  const rows: string[] = [];
  for (const { path, sha256 } of files) {
    const found = contentOf(workspace, { path, sha256 });
    const blob = found && (await gitText(git(["hash-object", "-w", "--no-filters", "--stdin"], found.text)));
    rows.push(`${found ? `${found.mode} ${blob}` : `0 ${NOTHING.padEnd(base.length, "0")}`}\t${prefix}${path}\0`);
  }
  await gitText(git(["update-index", "-z", "--index-info"], rows.join("")));
  return gitText(git(["write-tree"]));
}

function contentOf(workspace: string, { path, sha256 }: BranchFile): { readonly text: string; readonly mode: string } | null {
  using places = new Places(workspace);
  const place = places.of(path);
  const found = place ? readAt(place, place.name) : null;
  if ((found?.sha256 ?? null) !== sha256)
    throw new OrcoError("plan_outdated", `${path} was changed since it was repaired`, { files: [path] });
  return found && { text: found.bytes.toString("utf8"), mode: (found.stat.mode & 0o100) === 0 ? "100644" : "100755" };
}

async function sameOrConflict(git: Git, one: { commit: string; tree: string; base: string; branch: string }): Promise<string> {
  const facts = await gitText(git(["log", "-1", "--no-show-signature", "--format=%T %P", one.commit]));
  if (facts === `${one.tree} ${one.base}`) return one.commit;
  throw new OrcoError("conflict", `there is a branch ${one.branch} already, and it holds something else`, { branch: one.branch });
}

/** What root leaves in another's repository, they could not change. */
function ownerOf(gitDir: string): { readonly uid: number; readonly gid: number } | undefined {
  const { uid, gid } = statSync(gitDir);
  return process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : undefined;
}
