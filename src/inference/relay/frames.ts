import type { JsonObject } from "../../kernel/event.ts";

/** The events of a task's stream (inference.md, "SSE"). */

export type TaskEvent = "started" | "result" | "end" | "error";

type Notice = "metrics" | "gap" | "reset";

export function eventFrame(event: TaskEvent, id: string, data: JsonObject): string {
  return `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The one that is made by the million. */
export function tokenFrame(id: string, text: string, index: number): string {
  return `event: token\nid: ${id}\ndata: {"t":${JSON.stringify(text)},"i":${index}}\n\n`;
}

/** One that does not count: metrics, and what is said to a single reader. */
export function noticeFrame(event: Notice, data: JsonObject): Uint8Array {
  return encode(noticeText(event, data));
}

export function noticeText(event: Notice, data: JsonObject): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function encode(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}
