import type { EventView } from "../client/wire.ts";
import { oneLine } from "./sanitize.ts";
import { clockTime } from "./time.ts";

/** Fields that the line shows elsewhere or that only programs need. */
const NOT_SHOWN = new Set([
  "id",
  "seq",
  "topic",
  "topic_seq",
  "topicSeq",
  "ts",
  "type",
  "stack",
  "service",
  "replica",
  "reason",
  "message",
  "detail",
  "run",
]);

/** One event for people: `12:00:03 api/1 instance.running initial_start: listening on 3000`. */
export function eventLine(event: EventView): string {
  const parts = [clockTime(event.ts), subjectOf(event), event.type];
  const said = [event["message"], event["detail"]].find((one) => typeof one === "string" && one !== "");
  const why = [event.reason, said].filter((one) => typeof one === "string").join(": ");
  if (why !== "") parts.push(why);
  for (const [key, value] of Object.entries(event)) {
    if (!NOT_SHOWN.has(key) && isPlain(value)) parts.push(`${key}=${value}`);
  }
  return oneLine(parts.join(" "));
}

function subjectOf(event: EventView): string {
  if (event.service !== undefined) return event.replica === undefined ? event.service : `${event.service}/${event.replica}`;
  return event.run !== undefined ? `run ${event.run.slice(-6)}` : (event.stack ?? event.topic);
}

function isPlain(value: unknown): value is string | number | boolean {
  return (typeof value === "string" && value !== "" && value.length <= 80) || typeof value === "number" || typeof value === "boolean";
}
