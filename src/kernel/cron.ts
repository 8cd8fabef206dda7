import { Cron } from "croner";
import { messageOf, OrcoError } from "./errors.ts";

const MAX_CRON = 200;
const NICKNAME = /^@[a-z]+$/i;
const FIELDS = ["second", "minute", "hour", "day of the month", "month", "day of the week"] as const;

/** When a cron expression fires, in epoch ms. */
export interface CronTimes {
  /** The first time after `at`; undefined when there is none. */
  next(at: number): number | undefined;
  /** The newest `limit` times from `from` to `to`, both inclusive, oldest first. */
  between(from: number, to: number, limit: number): number[];
}

/**
 * Five fields, six with seconds in front, or `@daily` and its like, on the clock of an IANA time zone. A time that a change to summer time leaves out
 * fires at the end of the gap, one that comes twice fires once; `*` and steps follow real time. `invalid` (pointer `/cron` or `/timezone`, with the position)
 * when it cannot be read or never fires.
 */
export function parseCron(cron: string, timezone: string): CronTimes {
  assertZone(timezone);
  const text = cron.trim();
  if (text.length > MAX_CRON) throw wrong("/cron", `it is longer than ${MAX_CRON} characters`);
  const fields = text.split(/\s+/);
  if (!NICKNAME.test(text) && fields.length !== 5 && fields.length !== 6)
    throw wrong(
      "/cron",
      `${JSON.stringify(text)} has ${text === "" ? 0 : fields.length} fields; five are needed, or six with seconds in front`,
    );
  let parsed: Cron;
  try {
    parsed = open(text, timezone);
  } catch (error) {
    throw wrong("/cron", trouble(text, fields) ?? plain(error));
  }
  return timesOf(parsed);
}

/** `invalid` when there is no time after `now`. */
export function assertFires(times: CronTimes, cron: string, now: number): number {
  const next = times.next(now);
  if (next === undefined) throw wrong("/cron", `${JSON.stringify(cron)} never fires: no such day comes`);
  return next;
}

function timesOf(cron: Cron): CronTimes {
  return {
    next: (at) => cron.nextRun(new Date(at))?.getTime(),
    between(from, to, limit) {
      const found: number[] = [];
      // Croner looks at whole seconds before its reference.
      let before = Math.floor(to / 1000) * 1000 + 1000;
      while (found.length < limit) {
        const at = cron.previousRuns(1, new Date(before))[0]?.getTime();
        if (at === undefined || at < from) break;
        found.push(at);
        before = at;
      }
      return found.toReversed();
    },
  };
}

function open(text: string, timezone: string): Cron {
  return new Cron(text, { paused: true, timezone, mode: "5-or-6-parts" });
}

function assertZone(timezone: string): void {
  try {
    Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch {
    throw wrong("/timezone", `${JSON.stringify(timezone.slice(0, 100))} is no IANA time zone such as UTC or Europe/Berlin`);
  }
}

/** Each field alone, to name the one that is wrong. */
function trouble(text: string, fields: readonly string[]): string | undefined {
  const names = FIELDS.slice(FIELDS.length - fields.length);
  let column = 0;
  for (const [at, field] of fields.entries()) {
    column = text.indexOf(field, column);
    try {
      open(fields.map((_, other) => (other === at ? field : "*")).join(" "), "UTC");
    } catch (error) {
      return `field ${at + 1} (${names[at]}), column ${column + 1}: ${plain(error)}`;
    }
    column += field.length;
  }
  return undefined;
}

function plain(error: unknown): string {
  return messageOf(error).replace(/^CronPattern: /, "");
}

function wrong(pointer: string, detail: string): OrcoError {
  return new OrcoError("invalid", `${pointer.slice(1)}: ${detail}`, { errors: [{ pointer, detail }] });
}
