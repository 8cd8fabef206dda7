import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import type { Repo } from "../ports.ts";
import { checkoutTree } from "./checkout.ts";
import { type Environment } from "./environment.ts";
import { fetchMirror, prepareMirror, remoteHead } from "./mirror.ts";
import { HEX, unknownCommit } from "./ref.ts";
import { resolveRef } from "./resolve.ts";
import { type GitPorts, runGit } from "./run.ts";
import { localTrouble } from "./trouble.ts";
import { Turns } from "./turns.ts";
import { parseRemoteUrl, type RemoteUrl } from "./url.ts";

const MAX_SUBJECT = 200;
const SLOT_NAME = /^[a-z0-9-]{1,64}$/;
/** git knows it without having it. */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

export interface RepoPlace {
  readonly url: string;
  /** The bare mirror; made by the first fetch. */
  readonly dir: string;
}

/**
 * Repositories by their URL. All that are opened by one opener take turns on one mirror; two openers on one mirror would take each other's locks for
 * leftovers. Throws `invalid` for a URL that will not do.
 */
export function repoOpener({ clock, environment }: { clock: Clock; environment: Environment }): (place: RepoPlace) => GitRepo {
  const turns = new Turns();
  return ({ url, dir }) => new GitRepo({ clock, environment, gitDir: dir }, parseRemoteUrl(url), turns);
}

export class GitRepo implements Repo {
  constructor(
    private readonly ports: GitPorts,
    private readonly remote: RemoteUrl,
    private readonly turns: Turns,
  ) {}

  /** The URL without credentials, for people. */
  get shown(): string {
    return this.remote.shown;
  }

  fetch({ signal, progress }: { signal: AbortSignal; progress: (line: string) => void }): Promise<void> {
    return this.turns.take(this.ports.gitDir, async () => {
      refuseAborted(signal);
      await fetchMirror(this.ports, this.remote, { signal, progress });
    });
  }

  resolve(ref: string, signal?: AbortSignal): Promise<string> {
    const headBranch = () => this.defaultBranch();
    return resolveRef(this.ports, ref, { repo: this.remote.shown, isFetched: this.isFetched(), headBranch, ...(signal && { signal }) });
  }

  async subject(commit: string): Promise<string> {
    const { code, stdout, stderr } = await runGit(this.ports, ["show", "--no-patch", "--format=%s", hex(commit)]);
    if (code !== 0) throw localTrouble(`read commit ${commit}`, stderr);
    return plainLine(stdout.toString("utf8"), MAX_SUBJECT);
  }

  async file(commit: string, path: string, maxBytes: number): Promise<string | undefined> {
    const listed = await runGit(this.ports, ["ls-tree", "-z", "-l", "--full-tree", hex(commit), "--", path]);
    if (listed.code !== 0) throw localTrouble(`read ${path} of commit ${commit}`, listed.stderr);
    const [, mode = "", object = "", size = ""] = /^(\d{6}) \w+ ([0-9a-f]{40}) +(\d+|-)\t/.exec(listed.stdout.toString("latin1")) ?? [];
    if (mode === "") return undefined;
    if (!mode.startsWith("100"))
      throw new OrcoError("invalid", `${path} of commit ${commit.slice(0, 12)} is no plain file`, { commit, path });
    if (Number(size) > maxBytes)
      throw new OrcoError("too_large", `${path} of commit ${commit.slice(0, 12)} is larger than ${maxBytes} bytes`, {
        commit,
        path,
        max_bytes: maxBytes,
      });
    const { code, stdout, stderr } = await runGit(this.ports, ["cat-file", "blob", object]);
    if (code !== 0) throw localTrouble(`read ${path} of commit ${commit}`, stderr);
    return stdout.toString("utf8");
  }

  checkout(commit: string, dir: string, signal: AbortSignal): Promise<void> {
    return checkoutTree(this.ports, hex(commit), { dir, signal });
  }

  /** Throws `unknown_commit` (facts: ref) when one of the two is gone. */
  async diff(from: string | undefined, to: string, signal?: AbortSignal): Promise<{ files: readonly { path: string; lines: number }[] }> {
    const flags = ["-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv"];
    const ends = [from === undefined ? EMPTY_TREE : hex(from), hex(to)];
    const { code, stdout, stderr } = await runGit(this.ports, ["diff-tree", ...flags, ...ends], { signal });
    if (code !== 0 && /bad object|unable to read/.test(stderr))
      throw unknownCommit(from ?? to, "it is no longer in the repository, nor in its mirror");
    if (code !== 0) throw localTrouble(`compare ${from ?? "nothing"} with ${to}`, stderr);
    const rows = stdout.toString("utf8").split("\0").slice(0, -1);
    return { files: rows.map(changedFile) };
  }

  keep(slot: string, commit: string): Promise<void> {
    if (!SLOT_NAME.test(slot)) throw new OrcoError("internal", `no name for a kept commit: ${slot}`);
    return this.turns.take(this.ports.gitDir, async () => {
      await prepareMirror(this.ports);
      const { code, stderr } = await runGit(this.ports, ["update-ref", `refs/orco/${slot}`, hex(commit)]);
      if (code !== 0) throw localTrouble(`keep commit ${commit}`, stderr);
    });
  }

  async defaultBranch(): Promise<string> {
    if (!this.isFetched()) await this.turns.take(this.ports.gitDir, () => prepareMirror(this.ports));
    const branch = await remoteHead(this.ports, this.remote);
    if (branch !== undefined) return branch;
    const why = "HEAD of the repository names no branch that has commits; name a branch, tag or commit";
    throw new OrcoError("unknown_commit", `${this.remote.shown}: ${why}`, { ref: "HEAD" });
  }

  private isFetched(): boolean {
    return existsSync(join(this.ports.gitDir, "HEAD"));
  }
}

/** `12\t3\tpath`; a binary file has no lines: `-\t-\tpath`. */
function changedFile(row: string): { path: string; lines: number } {
  const [added = "", deleted = "", ...path] = row.split("\t");
  return { path: path.join("\t"), lines: added === "-" ? 1 : Number(added) + Number(deleted) };
}

/** Nothing else ever stands in the arguments of a git command. */
function hex(commit: string): string {
  if (HEX.test(commit)) return commit;
  throw new OrcoError("internal", `not resolved to a commit: ${plainLine(commit, 100)}`);
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason instanceof OrcoError ? signal.reason : new OrcoError("cancelled", "the fetch was cancelled");
}
