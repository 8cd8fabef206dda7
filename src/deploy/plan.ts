import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { plainLine } from "../kernel/plain-text.ts";
import type { App } from "./app.ts";
import { parseContractText } from "./contract-schema.ts";
import type { AppContract } from "./contract.ts";
import { decideGate } from "./gate.ts";
import type { GateReason, Repo } from "./ports.ts";
import { inactiveSlot, liveRelease, type Release } from "./record.ts";
import type { SlotName } from "./view.ts";

/** Where the repository keeps its contract, and how large that may be. */
const CONTRACT_FILE = "orco.app.json";
const MAX_CONTRACT_BYTES = 64 * 1024;
/** Of the files that an approver is shown. */
const MAX_SHOWN_FILES = 200;

/** What a deploy is going to do, decided once at its beginning. */
export interface DeployPlan {
  readonly commit: string;
  readonly subject: string;
  readonly slot: SlotName;
  readonly previousCommit: string | null;
  readonly contract: AppContract;
  readonly byOperator: boolean;
}

/** Throws `unknown_commit`, `unprocessable` for a contract of the repository that does not hold (facts: errors), or that is not there. */
export async function planDeploy(app: App, repo: Repo, { ref, signal }: { ref: string; signal: AbortSignal }): Promise<DeployPlan> {
  const commit = await repo.resolve(ref, signal);
  const given = app.row.contract;
  return {
    commit,
    subject: await repo.subject(commit),
    slot: inactiveSlot(app.row),
    previousCommit: liveRelease(app.row)?.commit ?? null,
    contract: given ?? (await contractOf(repo, commit)),
    byOperator: given !== null,
  };
}

async function contractOf(repo: Repo, commit: string): Promise<AppContract> {
  const text = await repo.file(commit, CONTRACT_FILE, MAX_CONTRACT_BYTES);
  if (text === undefined) {
    const why = `commit ${commit.slice(0, 12)} has no ${CONTRACT_FILE}, and none was given with the app`;
    throw new OrcoError("unprocessable", `${why}; add the file, or give one: orco app add … --contract file.json`, { commit });
  }
  try {
    return parseContractText(text, CONTRACT_FILE);
  } catch (error) {
    if (error instanceof OrcoError && error.code === "invalid") throw new OrcoError("unprocessable", error.message, error.facts);
    throw error;
  }
}

export function releaseOf(plan: DeployPlan, run: string): Release {
  const { commit, subject, contract, byOperator } = plan;
  return { run, commit, subject, contract, byOperator };
}

/**
 * What has to be approved before this is deployed; undefined: nothing. The limits of the live release count too: a commit cannot lift its own.
 * A first deploy has nothing to differ from.
 */
export async function contentToApprove(
  { app, repo, signal }: { app: App; repo: Repo; signal: AbortSignal },
  plan: DeployPlan,
): Promise<{ summary: string; content: JsonObject } | undefined> {
  const { contract, previousCommit: from, commit } = plan;
  const limits = [contract, liveRelease(app.row)?.contract ?? contract];
  if (from === null || limits.every(({ protected_paths: paths, diff_limits: diff }) => paths.length === 0 && !diff)) return undefined;
  const { files } = await repo.diff(from, commit, signal);
  const found = limits.flatMap((limit) => decideGate({ files }, limit));
  const reasons = [...new Map(found.map((reason) => [JSON.stringify(reason), reason])).values()];
  if (reasons.length === 0) return undefined;
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  return {
    summary: `deploy ${commit.slice(0, 12)} "${plan.subject}": ${reasons.map(reasonText).join("; ")} (${files.length} files, ${lines} lines changed)`,
    content: {
      commit,
      from,
      reasons: reasons.map((reason) => ({ ...reason })),
      files: files.slice(0, MAX_SHOWN_FILES).map(({ path, lines: count }) => ({ path, lines: count })),
      files_changed: files.length,
      lines_changed: lines,
    },
  };
}

function reasonText(reason: GateReason): string {
  switch (reason.kind) {
    case "protected_path":
      return `${plainLine(reason.path, 200)} is protected (${reason.pattern})`;
    case "too_many_files":
      return `${reason.files} files changed, ${reason.max} are allowed without approval`;
    case "too_many_lines":
      return `${reason.lines} lines changed, ${reason.max} are allowed without approval`;
  }
}
