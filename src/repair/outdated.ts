import type { RepairRecord } from "./record.ts";

interface Now {
  readonly baseCommit: (workspace: string) => Promise<string | null>;
  readonly preImages: (workspace: string, paths: readonly string[]) => Promise<ReadonlyMap<string, string | null>>;
}

/** What has changed since a plan was made, in words; undefined: nothing. An approval is for what its approver saw (repair.md, "Approvals"). */
export async function outdatedBy({ plan, workspace }: RepairRecord, { baseCommit, preImages }: Now): Promise<string | undefined> {
  if (!plan) return undefined;
  const commit = await baseCommit(workspace);
  const { base_commit: planned } = plan.target;
  if (commit !== planned) return `the workspace is at commit ${short(commit)} now, the plan was made at ${short(planned)}`;
  const now = await preImages(
    workspace,
    plan.files.map(({ path }) => path),
  );
  const changed = plan.files.filter(({ path, pre_sha256: pre }) => (now.get(path) ?? null) !== pre);
  return changed.length === 0 ? undefined : `${changed.map(({ path }) => path).join(", ")} changed`;
}

function short(commit: string | null): string {
  return commit?.slice(0, 12) ?? "none";
}
