import type { EventView } from "../client/wire.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { clockTime } from "../terminal/clock-time.ts";

/** The facts worth a place on the line; programs get all of them with `--json`. */
const SHOWN = ["step", "pid", "restarts", "code", "signal", "port", "services", "changes", "afterMs", "tries", "command"];

/** One event for people: `12:00:03 api/1 instance.running initial_start: listening on 3000`. */
export function eventLine(event: EventView): string {
  const parts = [clockTime(event.ts), subjectOf(event), event.type];
  const said = [event["message"], event["detail"], event["why"]].find((one) => typeof one === "string" && one !== "");
  const why = [event.reason, said].filter((one) => typeof one === "string").join(": ");
  if (why !== "") parts.push(why);
  for (const key of SHOWN) {
    const value = event[key];
    if (isPlain(value)) parts.push(`${key}=${value}`);
  }
  return oneLine(parts.join(" "));
}

export function subjectOf(event: EventView): string {
  if (event.service !== undefined) return event.replica === undefined ? event.service : `${event.service}/${event.replica}`;
  return event.run !== undefined ? `run ${event.run.slice(-6)}` : (event.stack ?? event.topic);
}

function isPlain(value: unknown): value is string | number {
  return (typeof value === "string" && value !== "") || (typeof value === "number" && value !== 0);
}
