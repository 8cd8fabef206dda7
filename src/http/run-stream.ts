import { z } from "zod";
import type { JournalEvent, JsonObject } from "../kernel/event.ts";
import type { Ctx, Deps } from "./context.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";
import { topicFeed } from "./feed.ts";

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "canceled", "cancelled"]);

export const cursorQuery = { lastEventId: z.string().optional(), replay: z.coerce.number().int().optional() };
export const STREAM_ANSWERS = {
  200: { description: "hello, status, checkpoint, step, log, end", content: { "text/event-stream": "Event" } as const },
  204: { description: "You have seen the end" },
};

/** What happens in a run, from the beginning or the reader's cursor to its end. Throws `not_found`. */
export function runStream(deps: Deps, c: Ctx, { runId, query }: { runId: string; query: EventStream["query"] }): Response {
  const { runs, journal } = deps.services;
  const ended = (): string | undefined => endedStatus(runs.get(runId).status);
  ended();
  return openEventStream(deps, c, {
    query,
    feed: topicFeed(journal, `run/${runId}`),
    hello: () => ({ runId, status: runs.get(runId).status }),
    snapshot: () => ({ runId, run: runs.get(runId) as unknown as JsonObject }),
    ended,
    endOf,
  });
}

function endedStatus(status: string): string | undefined {
  if (!ENDED.has(status)) return undefined;
  return status === "cancelled" ? "canceled" : status;
}

function endOf({ type, data }: JournalEvent): string | undefined {
  const { status } = data;
  return type.startsWith("run.") && typeof status === "string" ? endedStatus(status) : undefined;
}
