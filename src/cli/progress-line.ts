import type { EventView } from "../client/wire.ts";
import { subjectOf } from "./event-line.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { clockTime } from "../terminal/clock-time.ts";

/** What an event means to someone who waits for a change; nothing for what only `orco events` should show. */
const SAYS: Readonly<Record<string, (event: EventView) => string | undefined>> = {
  "instance.waiting": message,
  "instance.running": (event) => `running${pid(event)}`,
  "instance.adopted": (event) => `still running${pid(event)}`,
  "instance.ready": (event) => because("ready", message(event)),
  "instance.unready": (event) => because("not ready", message(event)),
  "instance.stopping": (event) => (event.reason === "restart" ? "stopping, to be started again" : "stopping"),
  "instance.stopped": (event) => (event.reason === "completed" ? "completed" : `stopped${killed(event)}`),
  "instance.pending": (event) => (event.reason === "lost" ? "gone with the last boot; starting again" : message(event)),
  "instance.failed": (event) => because("failed", message(event)),
  "instance.warning": (event) => because("warning", message(event)),
  "run.progress": message,
  "update.phase": (event) => UPDATE[String(event["phase"])],
  "stack.rolled_back": () => "rolling back to the former version",
};

/** The phases of an update that last, or that a person waits for. */
const UPDATE: Readonly<Record<string, string>> = {
  canary: "the canary gets its share of requests: orco promote, or orco abort",
  promoting: "promoted: the rest follows",
  switched: "all requests go to the new instances; orco abort goes back as long as the old ones are kept",
  finishing: "the old instances stop",
};

/** One event of a change for people: `12:00:03 api/1 running (pid 4711)`. */
export function progressLine(event: EventView): string | undefined {
  const said = SAYS[event.type]?.(event);
  return said === undefined ? undefined : oneLine(`${clockTime(event.ts)} ${subjectOf(event)} ${said}`);
}

function message(event: EventView): string | undefined {
  const said = event["message"];
  return typeof said === "string" && said !== "" ? said : undefined;
}

function because(what: string, why: string | undefined): string {
  return why === undefined ? what : `${what}: ${why}`;
}

function pid(event: EventView): string {
  return typeof event["pid"] === "number" ? ` (pid ${event["pid"]})` : "";
}

/** A service that did not end in time and was killed is worth a word. */
function killed(event: EventView): string {
  const exit = event["exit"];
  return typeof exit === "object" && exit !== null && "signal" in exit && exit.signal === "SIGKILL" ? " (killed)" : "";
}
