import { isCompleted, type Slot } from "../../supervise/instance.ts";
import type { ScheduleSpec } from "../spec.ts";
import type { LastRun, Scheduled } from "./book.ts";

interface Facts {
  readonly service: string;
  readonly spec: ScheduleSpec;
  readonly kept: Scheduled | undefined;
  readonly last: LastRun | undefined;
  readonly slot: Slot | undefined;
  readonly now: number;
}

/** What a person should know of a scheduled service that does not run: `last run failed: exit code 3; next run at 03:00 (in 5h 12m)`. */
export function scheduleMessage(facts: Facts): string {
  return [lastText(facts), nextText(facts)].filter(Boolean).join("; ");
}

function lastText({ slot, last, now }: Facts): string | undefined {
  if (slot?.state === "Failed") return `last run failed: ${slot.message ?? slot.reason.replaceAll("_", " ")}`;
  if (slot && isCompleted(slot)) return `last run completed ${span(now - (slot.exit?.at ?? now))} ago`;
  if (last?.outcome === "failed" && last.message !== undefined) return `last run failed: ${last.message}`;
  return last && `last run ${last.outcome} ${span(now - last.at)} ago`;
}

function nextText({ service, spec, kept, now }: Facts): string {
  if (kept?.paused) return `paused; orco start ${service} runs it and goes on with its schedule`;
  if (kept?.nextAt === undefined) return "no next run";
  const zone = spec.timezone === undefined ? "" : ` ${spec.timezone}`;
  return `next run at ${clockText(kept.nextAt, now, kept.timezone)}${zone} (in ${span(kept.nextAt - now)})`;
}

/** `03:00`, with the date when that is not today, and with seconds when there are some. */
function clockText(at: number, now: number, timeZone: string): string {
  const [date, time] = partsOf(at, timeZone);
  const [today] = partsOf(now, timeZone);
  return `${date === today ? "" : `${date} `}${time.replace(/:00$/, "")}`;
}

function partsOf(at: number, timeZone: string): [date: string, time: string] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const [date = "", time = ""] = format.format(at).split(" ");
  return [date, time];
}

/** `5h 12m`, `12m`, `40s`. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}
