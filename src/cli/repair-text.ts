import { formatSpan } from "../kernel/duration.ts";
import type { RepairStepView, RunDetail, RunSummary } from "../repair/view.ts";
import { clockTime, dayTime } from "../terminal/clock-time.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";
import { diffText } from "./diff-text.ts";

/** `shop/api`. */
export function targetText({ project, target_service: service }: Pick<RunSummary, "project" | "target_service">): string {
  return oneLine(service.includes("/") || project === "" ? service : `${project}/${service}`);
}

export function repairsTable(runs: readonly RunSummary[], columns: number | undefined, nowMs = Date.now()): string {
  const rows = runs.map((run) => [
    run.run_id,
    targetText(run),
    run.status,
    dayTime(run.queued_at, nowMs),
    tookText(run, nowMs),
    oneLine(run.error?.message.split("\n", 1)[0] ?? run.plan_summary ?? run.instruction),
  ]);
  return alignRows([["REPAIR", "SERVICE", "STATUS", "AT", "TOOK", "ABOUT"], ...rows], columns);
}

/** One repair with all that matters of it, and what to do next. */
export function detailText(run: RunDetail, { color, nowMs = Date.now() }: { readonly color: boolean; readonly nowMs?: number }): string {
  return [
    `${run.run_id}  ${targetText(run)}  ${run.status}${run.dry_run ? "  dry run" : ""}`,
    `  asked for by ${whoText(run.requested_by)}, ${dayTime(run.queued_at, nowMs)}: ${oneLine(run.instruction)}`,
    ...(run.retry_of === null ? [] : [`  try ${run.attempt}, after ${run.retry_of}`]),
    ...planLines(run, { color }),
    alignRows([["", "STEP", "STATUS", "TRY", "TOOK", "MESSAGE"], ...run.steps.map((step) => stepRow(step, nowMs))]),
    ...approvalLines(run),
    ...(run.published ? [`  published: ${publishedText(run.published)}`] : []),
    ...(run.error ? run.error.message.split("\n").map((line) => `  ${oneLine(line)}`) : []),
    ...nextLines(run),
  ].join("\n");
}

/** What was found, and the patch. */
export function planLines({ finding, action_plan: plan }: RunDetail, { color }: { readonly color: boolean }): string[] {
  const patch = plan?.steps.find((step) => step.name === "patch");
  const diff = patch?.name === "patch" ? patch.parameters.diff : "";
  return [
    ...(finding ? [`  found: ${oneLine(finding.cause)} (confidence ${Math.round(finding.confidence * 100)} %)`] : []),
    ...(finding?.evidence ?? []).slice(0, MOST_EVIDENCE).map((line) => `    ${oneLine(line)}`),
    ...(finding ? [`  remedy: ${oneLine(finding.remedy)}`] : []),
    ...(diff === ""
      ? []
      : diffText(diff, { color })
          .split("\n")
          .map((line) => `    ${line}`)),
  ];
}

const MOST_EVIDENCE = 5;

/** What has to be known to decide; nothing where nothing is to be decided. */
export function approvalLines({ approval }: RunDetail): string[] {
  const { status, reasons, roles, expires_at: expires, approver, comment } = approval;
  if (!approval.required && status === "not_required") return [];
  const by = approver ? ` by ${whoText(approver)}` : "";
  return [
    `  approval: ${status}${by}${comment === null || comment === "" ? "" : `: ${oneLine(comment)}`}`,
    ...(status === "awaiting" ? reasons.map((reason) => `    because ${oneLine(reason)}`) : []),
    ...(status === "awaiting" && roles.length > 0 ? [`    by ${roles.map(oneLine).join(" or ")} (--role)`] : []),
    ...(status === "awaiting" && expires !== null ? [`    until ${expires}`] : []),
  ];
}

/** How to decide it, on one line. */
export function decideText({ run_id: id, approval }: Pick<RunDetail, "run_id" | "approval">): string {
  return `orco approve ${id}${approval.roles.length > 0 ? " --role …" : ""}, or with --reject`;
}

function nextLines(run: RunDetail): string[] {
  if (run.status === "awaiting_approval") return [`  decide it: ${decideText(run)}`];
  if (["failed", "rolled_back", "rollback_failed"].includes(run.status))
    return [`  its logs: orco repair artifacts ${run.run_id}; again: orco repair retry ${run.run_id}`];
  return run.completed_at === null ? [`  watch it: orco repair watch ${run.run_id}`] : [];
}

function whoText({ id, role }: { readonly id: string; readonly role?: string }): string {
  return oneLine(role === undefined ? id : `${id} (${role})`);
}

function publishedText({ branch, commit, pull_request: request }: NonNullable<RunDetail["published"]>): string {
  return oneLine(`${branch} at ${commit.slice(0, 12)}${request === null ? "" : `, ${request}`}`);
}

function stepRow({ name, status, attempt, message, ...times }: RepairStepView, nowMs: number): string[] {
  return ["", name, status, attempt > 0 ? String(attempt) : "-", tookText(times, nowMs), oneLine(message ?? "")];
}

function tookText({ started_at: from, completed_at: to }: Pick<RunSummary, "started_at" | "completed_at">, nowMs: number): string {
  if (from === null) return "-";
  return formatSpan(Math.max(0, (to === null ? nowMs : Date.parse(to)) - Date.parse(from)));
}

/** `12:00:03 build    succeeded in 4.2s: …`. */
export function stepLine(step: { name: string; status: string; ts: string; tookMs?: number; attempt: number; message: string }): string {
  const again = step.attempt > 1 ? ` (try ${step.attempt})` : "";
  const took = step.tookMs === undefined ? "" : ` in ${formatSpan(step.tookMs)}`;
  const said = step.message === "" ? "" : `: ${oneLine(step.message)}`;
  return `${clockTime(step.ts)} ${oneLine(step.name).padEnd(8)} ${step.status === "in_progress" ? "…" : oneLine(step.status)}${took}${again}${said}`;
}
