import { formatSpan } from "../kernel/duration.ts";
import type { RunLogRecord } from "../runs/logs/line.ts";
import type { RunStepView, RunView } from "../workflow/view.ts";
import type { Io } from "./io.ts";
import { oneLine, sanitizeText } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";
import { clockTime } from "../terminal/clock-time.ts";

const LEVEL_COLORS: Readonly<Record<string, number>> = { warn: 33, error: 31, fatal: 31 };
/** A table of more steps than a screen has lines says what matters: what moves, what failed, and how many there are. */
const SHOWN_STEPS = 30;

/** `HH:MM:SS step | message`. */
export function runLogLine({ timestamp, step, attempt, message, level }: RunLogRecord, { color }: Pick<Io, "color">): string {
  const prefix = `${clockTime(timestamp)} ${step || "orco"}${attempt > 1 ? `#${attempt}` : ""} | `;
  const tint = color ? LEVEL_COLORS[level ?? ""] : undefined;
  return sanitizeText(message, { color })
    .split("\n")
    .map((line) => prefix + (tint === undefined ? line : `\x1b[${tint}m${line}\x1b[0m`))
    .join("\n");
}

/** The run on one line and its steps below, for a screen that is drawn again and again. */
export function runTable(run: RunView, nowMs: number, columns?: number): string {
  const steps =
    run.steps.length > SHOWN_STEPS ? run.steps.filter(({ status }) => status !== "pending" && status !== "completed") : run.steps;
  const rows = steps.slice(0, SHOWN_STEPS).map((step) => [step.id, step.status, attemptText(step), tookText(step, nowMs), saidOf(step)]);
  const done = run.steps.filter(({ status }) => status === "completed").length;
  const title = `${run.id}  ${oneLine(run.name)}  ${run.status}  ${done}/${run.steps.length} steps`;
  if (rows.length === 0) return title;
  return `${title}\n${alignRows([["STEP", "STATUS", "TRY", "TOOK", "MESSAGE"], ...rows], columns)}`;
}

export function attemptText({ attempt = 0 }: RunStepView): string {
  return attempt > 0 ? String(attempt) : "-";
}

/** How long it took, or has taken until now; `-` of what has not begun. */
export function tookText({ startedAt, endedAt }: Pick<RunStepView, "startedAt" | "endedAt">, nowMs: number): string {
  if (startedAt === undefined) return "-";
  return formatSpan(Math.max(0, (endedAt === undefined ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)));
}

export function saidOf({ status, error, waiting, progress, message, reused }: RunStepView): string {
  if (status === "waiting" && waiting) return oneLine(waiting.summary);
  const said = error?.message ?? message ?? waiting?.summary ?? progressText(progress);
  return oneLine(said === "" && reused === true ? "taken over from the run before" : said);
}

/** `40% uploading`; empty where there is none. */
export function progressText({ percent, message = "" }: NonNullable<RunStepView["progress"]> = {}): string {
  return `${percent === undefined ? "" : `${Math.round(percent)}% `}${message}`.trim();
}
