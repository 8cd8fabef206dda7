import { OrcoError } from "../../kernel/errors.ts";
import { withoutControl } from "../../kernel/plain-text.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import type { ActionPlan } from "../plan.ts";
import type { ServiceProfile } from "../project.ts";
import type { OnLine } from "../target.ts";
import { commitBranch } from "./branch.ts";
import { gitText, runGit } from "./git-run.ts";
import { openPullRequest } from "./pull-request.ts";
import { checkedRemoteName, type Remote, remoteOf } from "./remote.ts";

const PUSH_TIMEOUT_MS = 5 * 60_000;
const AUTHOR = { name: "orco", email: "orco@localhost" };
/** A helper that knows the token only by name; git runs it for the one scope it is set for. */
const HELPER = `!f() { test "$1" = get && printf 'username=x-access-token\\npassword=%s\\n' "$ORCO_GIT_PASSWORD"; }; f`;

export interface Publication {
  readonly workspace: string;
  /** Id of the run. */
  readonly run: string;
  /** Applied: what is committed are its files as they lie in the workspace. */
  readonly plan: ActionPlan;
  readonly subject: string;
  readonly body: string;
  readonly author?: { readonly name: string; readonly email: string };
  /** Nothing is pushed where it is absent. */
  readonly pr?: ServiceProfile["pr"];
  readonly token?: string;
  /** Base URL of the hosting API. */
  readonly api: string;
  readonly signal: AbortSignal;
  readonly onLine: OnLine;
  /** The branch stands, whatever comes of the rest. */
  readonly onCommit?: (made: Published) => void;
}

export interface Published {
  readonly branch: string;
  readonly commit: string;
  readonly pullRequest?: string;
}

/**
 * Commits a repair on `orco/repair-<run>`, pushes it and opens a pull request, as far as the profile asks for it. The operator's tree, index and HEAD
 * stay as they are. Safe to repeat. Throws `repo_unavailable`, `plan_outdated`, `conflict`, `invalid`, `unavailable`; what was done before that stays.
 */
export async function publish(work: Publication): Promise<Published> {
  const redactor = new Redactor(work.token === undefined ? [] : [work.token]);
  const onLine = (line: string): void => work.onLine(redactor.clean(withoutControl(line)));
  const { workspace, run, plan, pr, signal, author = AUTHOR } = work;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(run)) throw new OrcoError("invalid", `${JSON.stringify(run)} is no id of a run`);
  const base = plan.target.base_commit;
  if (base === null || !/^[0-9a-f]{40,64}$/.test(base)) throw new OrcoError("repo_unavailable", "the workspace is in no git repository");
  const branch = `orco/repair-${run}`;
  const files = plan.files.map(({ path, post_sha256 }) => ({ path, sha256: post_sha256 }));
  const commit = await commitBranch({ workspace, base, branch, files, message: `${work.subject}\n\n${work.body}\n`, author, signal });
  onLine(`committed ${commit} on ${branch}`);
  work.onCommit?.({ branch, commit });
  if (!pr) return { branch, commit };
  const remote = await pushed(work, { commit, branch, onLine });
  const pullRequest = await requested({ ...work, pr }, { remote, branch, onLine });
  return { branch, commit, ...(pullRequest !== undefined && { pullRequest }) };
}

interface Made {
  readonly commit: string;
  readonly branch: string;
  readonly onLine: OnLine;
}

async function pushed({ workspace, pr, token, signal }: Publication, { commit, branch, onLine }: Made): Promise<Remote> {
  const name = checkedRemoteName(pr?.remote ?? "origin");
  // A password in it is refused below, in words of ours.
  const settings = [["transfer.credentialsInUrl", "allow"]] as const;
  const url = await gitText({ cwd: workspace, args: ["remote", "get-url", "--push", name], settings, signal });
  const remote = remoteOf(name, url);
  const helper = token !== undefined && remote.scope !== undefined;
  const { code, stderr } = await runGit({
    cwd: workspace,
    args: ["push", "--porcelain", "--no-verify", "--receive-pack=git-receive-pack", name, `${commit}:refs/heads/${branch}`],
    env: { GIT_ALLOW_PROTOCOL: remote.protocol, ...(helper && { ORCO_GIT_PASSWORD: token }) },
    settings: helper ? [[`credential.${remote.scope}.helper`, HELPER]] : [],
    timeoutMs: PUSH_TIMEOUT_MS,
    signal,
  });
  for (const line of stderr.split("\n")) if (line.trim() !== "") onLine(line);
  if (code !== 0)
    throw new OrcoError("repo_unavailable", `${branch} could not be pushed to ${name}; what git said stands above`, { branch, commit });
  onLine(`pushed ${branch} to ${name}`);
  return remote;
}

async function requested(
  { workspace, pr, token, api, subject, body, signal }: Publication,
  { remote, branch, onLine }: Omit<Made, "commit"> & { readonly remote: Remote },
): Promise<string | undefined> {
  const repo = pr?.repo ?? remote.repo;
  if (token === undefined || repo === undefined) {
    onLine(`no pull request: ${token === undefined ? "GITHUB_TOKEN is not set" : `set pr.repo (owner/name) in orco.repair.yaml`}`);
    return undefined;
  }
  const base = pr?.base ?? (await currentBranch(workspace, signal));
  const address = await openPullRequest({ repo, branch, base, title: subject, body }, { api, token, signal });
  onLine(`opened ${address}`);
  return address;
}

async function currentBranch(workspace: string, signal: AbortSignal): Promise<string> {
  const { code, stdout } = await runGit({ cwd: workspace, args: ["symbolic-ref", "--short", "--quiet", "HEAD"], signal });
  return code === 0 ? stdout.trim() : "main";
}
