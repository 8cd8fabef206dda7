import type { AppContract } from "./contract.ts";

/** What the deploy engine asks of git. The implementation is `git/repo.ts`: argv only, no shell (deploy.md, Git safety). */
export interface Repo {
  /**
   * Makes or updates the bare mirror. `progress` gets one line now and then ("receiving objects: 42 %, 812 MiB").
   * Throws `repo_unavailable` (facts: repo, stderr cleaned of credentials), `disk_full`.
   */
  fetch(options: { signal: AbortSignal; progress: (line: string) => void }): Promise<void>;
  /** 40-hex of the commit that a sha, tag or branch names. Throws `unknown_commit`, also for what is empty, begins with `-` or names no commit. */
  resolve(ref: string, signal?: AbortSignal): Promise<string>;
  /** First line of the message (at most 200 characters, control characters removed). */
  subject(commit: string): Promise<string>;
  /** A file at the commit, undefined when it has none. `too_large` above `maxBytes`. */
  file(commit: string, path: string, maxBytes: number): Promise<string | undefined>;
  /**
   * Writes the tree of the commit into `dir`, which must not exist; whole or not at all (temp + rename). No hooks, no filters, no submodules (`unsupported`),
   * no link that leads out of `dir` (`invalid`, facts: path).
   */
  checkout(commit: string, dir: string, signal: AbortSignal): Promise<void>;
  /** Paths and line counts that differ; binary files count as one line. `from` undefined: everything in `to`. */
  diff(from: string | undefined, to: string, signal?: AbortSignal): Promise<{ files: readonly { path: string; lines: number }[] }>;
  /** Holds the commit of a slot in the mirror, whatever becomes of it upstream; replaces the one before. */
  keep(slot: string, commit: string): Promise<void>;
  /** The branch that HEAD of the remote names, for `orco deploy` without a commit. */
  defaultBranch(): Promise<string>;
}

/** Why a deploy needs a person, if it does: pure (deploy.md, layered concerns). */
export type GateReason =
  | { readonly kind: "protected_path"; readonly path: string; readonly pattern: string }
  | { readonly kind: "too_many_files"; readonly files: number; readonly max: number }
  | { readonly kind: "too_many_lines"; readonly lines: number; readonly max: number };

export type DecideGate = (
  diff: { readonly files: readonly { readonly path: string; readonly lines: number }[] },
  limits: Pick<AppContract, "protected_paths" | "diff_limits">,
) => readonly GateReason[];

export type AlertKind = "deploy_failed" | "deploy_succeeded" | "rolled_back" | "auto_rolled_back" | "unhealthy" | "approval_required";

export interface AlertBody {
  readonly kind: AlertKind;
  readonly app: string;
  readonly commit: string | null;
  readonly message: string;
  readonly run?: string;
  /** RFC 3339. */
  readonly at: string;
}
