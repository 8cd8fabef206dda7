import { OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";

/** The wire format of Server-Sent Events, and the cursor in its ids. */

export const SSE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};
export const SSE_RETRY = "retry: 2000\n\n";
export const SSE_HEARTBEAT = ": keep-alive\n\n";

export interface Frame {
  readonly event: string;
  readonly id?: string;
  readonly data: Json | string;
}

/** One frame. A line break in data starts another `data:` line, one in a field name or id is dropped: values cannot inject fields. NUL would make browsers ignore an id. */
export function encodeFrame({ event, id, data }: Frame): string {
  const idLine = id === undefined ? "" : `id: ${oneLine(id)}\n`;
  return `event: ${oneLine(event)}\n${idLine}${typeof data === "string" ? dataLines(data) : `data: ${JSON.stringify(data)}\n`}\n`;
}

function dataLines(text: string): string {
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return lines.join("");
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, "");
}

/** Where a reader wants to go on. `seq` exclusive, `ts` exclusive epoch ms. */
export type Cursor =
  | { readonly kind: "id"; readonly ms: number; readonly seq: number }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "replay"; readonly count: number }
  | { readonly kind: "all" };

const MAX_REPLAY = 1000;

/** `Last-Event-ID` wins over `?lastEventId=`, that over `?replay=`. Throws `invalid` on an id that is neither `<epochMs>-<seq>`, an RFC 3339 time nor epoch ms. */
export function cursorOf(request: { header?: string | undefined; lastEventId?: string | undefined; replay?: number | undefined }): Cursor {
  const text = request.header || request.lastEventId;
  if (text) return parseEventId(text);
  if (request.replay !== undefined) return { kind: "replay", count: Math.min(MAX_REPLAY, Math.max(0, request.replay)) };
  return { kind: "all" };
}

function parseEventId(text: string): Cursor {
  const id = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  if (id) return { kind: "id", ms: Number(id[1]), seq: Number(id[2]) };
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : parseTime(text);
  if (ms === undefined) throw new OrcoError("invalid", `the event id ${JSON.stringify(text.slice(0, 80))} is not one of ours, nor a time`);
  return { kind: "time", ms };
}

/** RFC 3339, with an offset or Z; undefined for anything else `Date` would take. */
export function parseTime(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text.replace(" ", "T").toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}

export function eventId(ts: number, seq: number): string {
  return `${ts}-${seq}`;
}
