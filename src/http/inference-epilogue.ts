import { failureJson } from "../inference/failure.ts";
import { eventFrame } from "../inference/relay/frames.ts";
import type { TaskView } from "../inference/tasks/task.ts";
import { type Cursor, eventId, SSE_HEADERS, SSE_RETRY } from "./sse.ts";

/**
 * What is left to say of a task whose stream is gone, with the daemon that had it or by its age: that it failed. Undefined for one that ended well, whose tokens
 * are lost: its end alone would look like an answer without any. The number goes on from what the client has seen; who has seen the end gets 204.
 */
export function epilogue({ api, error, ended_at: endedAt }: TaskView, cursor: Cursor): Response | undefined {
  if (api !== "tasks" || !error || endedAt === undefined) return undefined;
  const ms = Date.parse(endedAt);
  const seen = cursor.kind === "id" ? cursor : { ms: cursor.kind === "time" ? cursor.ms : 0, seq: 0 };
  if (seen.ms >= ms) return new Response(null, { status: 204 });
  return new Response(SSE_RETRY + eventFrame("error", eventId(ms, seen.seq + 1), failureJson(error)), { headers: SSE_HEADERS });
}
