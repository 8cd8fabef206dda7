import type { EventView } from "../client/wire.ts";
import { clockTime } from "../terminal/clock-time.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { inAbout } from "./inference-text.ts";

/** One event of the topic `inference` as a sentence: `12:00:03 task 8ea6f2 queued behind 3 on chain, starts in about 4 s`. */
export function narrated(event: EventView): string {
  return oneLine(`${clockTime(event.ts)} ${sentenceOf(event)}`);
}

function sentenceOf(event: EventView): string {
  const [kind = "", what = ""] = event.type.split(".");
  if (kind === "task") return `task ${text(event, "task").slice(-6)} ${taskText(event, what)}`;
  if (kind === "pool") return `pool ${text(event, "pool")} ${poolText(event, what)}`;
  if (kind === "node") return `node ${text(event, "node_id")} ${NODE[what] ?? what}`;
  if (kind === "model") return `model ${text(event, "model")} ${modelText(event, what)}`;
  return event.type;
}

function taskText(event: EventView, what: string): string {
  const where = event["pool"] === null || event["pool"] === undefined ? "" : ` on ${text(event, "pool")}`;
  switch (what) {
    case "accepted": {
      const position = count(event, "queue_position");
      const start = inAbout(count(event, "predicted_start_ms"));
      return position === 0 ? `is next${where}, ${start}` : `queued behind ${position}${where}, ${start}`;
    }
    case "completed":
      return `completed${where}: ${count(event, "tokens_out")} tokens (${text(event, "finish_reason") || "done"})`;
    case "failed":
    case "canceled":
      return `${what}${where}${because(event)}`;
    default:
      return `${what}${where}`;
  }
}

const NODE: Readonly<Record<string, string>> = {
  registered: "has registered",
  online: "is Online",
  offline: "is Offline: nothing was heard of it",
  removed: "was removed",
};

function poolText(event: EventView, what: string): string {
  switch (what) {
    case "registered":
      return "is there";
    case "draining":
      return "drains: it takes no new tasks";
    case "resumed":
      return "takes tasks again";
    case "reloading":
      return `is asked for ${text(event, "model")}`;
    case "reloaded":
      return `serves ${text(event, "model")}`;
    case "reload_failed":
      return `goes on with what it had${because(event)}`;
    case "purged":
      return `was purged: ${count(event, "ended")} tasks that waited have ended`;
    default:
      return `was ${what}`;
  }
}

function modelText(event: EventView, what: string): string {
  const status = text(event, "status");
  switch (what) {
    case "verifying":
      return "is held against its digest";
    case "verified":
      return `is ${status === "mismatch" ? "not what was registered" : status}${because(event)}`;
    case "fetching":
      return "is fetched";
    case "fetched":
      return status === "present" ? "is here" : `could not be fetched${because(event)}`;
    case "state":
      return `is ${text(event, "state")}`;
    default:
      return `was ${what}`;
  }
}

/** Events name their reason by one of these. */
function because(event: EventView): string {
  const said = ["reason", "why", "error", "detail"].map((name) => text(event, name)).find((one) => one !== "");
  const code = text(event, "code");
  return `${said === undefined ? "" : `: ${said}`}${code === "" ? "" : ` (${code})`}`;
}

function text(event: EventView, name: string): string {
  const value = event[name];
  return typeof value === "string" ? value : "";
}

function count(event: EventView, name: string): number {
  const value = event[name];
  return typeof value === "number" ? value : 0;
}
