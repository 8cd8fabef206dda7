import { nearest } from "../../kernel/nearest.ts";
import { parseRef, unknownCommit } from "./ref.ts";
import { type GitPorts, runGit } from "./run.ts";
import { localTrouble } from "./trouble.ts";

/** Enough to find the one that was meant. */
const MAX_NAMES = 5000;

export interface Resolving {
  /** For messages. */
  readonly repo: string;
  readonly isFetched: boolean;
  /** What HEAD of the remote names: the mirror has no HEAD of its own. */
  readonly headBranch: () => Promise<string>;
  readonly signal?: AbortSignal;
}

/** 40-hex of the commit. Throws `unknown_commit`. The name goes to git by stdin: it is never an argument. */
export async function resolveRef(ports: GitPorts, ref: string, { repo, isFetched, headBranch, signal }: Resolving): Promise<string> {
  const { name, steps } = parseRef(ref);
  if (!isFetched) throw unknownCommit(ref, `${repo} has not been fetched yet`);
  const full = `${name === "HEAD" ? `refs/heads/${await headBranch()}` : name}${steps}`;
  const args = ["cat-file", "--batch-check=%(objecttype) %(objectname)"];
  const { code, stdout, stderr } = await runGit(ports, args, { signal, stdin: `${full}\n${full}^{commit}\n` });
  if (code !== 0) throw localTrouble(`look up ${full}`, stderr);
  const [itself = "", commit = ""] = stdout.toString("utf8").split("\n");
  const found = /^commit ([0-9a-f]{40})$/.exec(commit)?.[1];
  if (found !== undefined) return found;
  const other = /^(tree|blob) [0-9a-f]{40}$/.exec(itself)?.[1];
  if (other !== undefined) throw unknownCommit(ref, `it names a ${other === "tree" ? "folder (tree)" : "file (blob)"}, not a commit`);
  if (/^tag [0-9a-f]{40}$/.test(itself)) throw unknownCommit(ref, "the tag does not lead to a commit");
  if (itself.endsWith(" ambiguous")) throw unknownCommit(ref, "several objects begin like that; give more digits");
  throw unknownCommit(ref, await whyMissing(ports, name, { repo, signal }));
}

async function whyMissing(
  ports: GitPorts,
  name: string,
  { repo, signal }: { repo: string; signal: AbortSignal | undefined },
): Promise<string> {
  const args = ["for-each-ref", `--count=${MAX_NAMES}`, "--format=%(refname)", "refs/heads", "refs/tags"];
  const { stdout } = await runGit(ports, args, { signal });
  const names = stdout
    .toString("utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^refs\/(?:heads|tags)\//, ""));
  if (names.length === 0) return `${repo} has no commits yet`;
  if (/^[0-9a-f]{40}$/.test(name)) return `no branch or tag of ${repo} leads to it`;
  const meant = nearest(name, names);
  return `${repo} has no such commit, tag or branch${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}
