import type { JsonObject } from "../kernel/event.ts";
import type { Clock } from "../kernel/clock.ts";
import { resumable } from "./resume.ts";
import { readSse, type SseMessage } from "./sse.ts";
import type { Ask, Transport } from "./transport.ts";
import type { EventView, StreamNotice } from "./wire.ts";

export interface Follow {
  /** Only what comes after this id (`EventView.id`, an RFC 3339 time, or epoch ms). */
  readonly lastEventId?: string;
  /** Last N events before the live ones; all of them when absent. 0 = live only. */
  readonly replay?: number;
  readonly signal?: AbortSignal;
  readonly onNotice?: (notice: StreamNotice) => void;
  /** Why, once when the daemon has been away for two seconds; undefined when it answers again. */
  readonly onAway?: (why: string | undefined) => void;
}

export interface Source {
  readonly transport: Transport;
  readonly clock: Clock;
}

/** Follows one event stream across reconnects and restarts of the daemon: every event once, in order. Ends with the stream's `end`, or with the signal. */
export function followEvents(source: Source, at: { path: string; query?: Ask["query"] }, follow: Follow): AsyncGenerator<EventView, void> {
  let cursor = follow.lastEventId;
  async function* connect(opened: () => void): AsyncGenerator<EventView, "done" | "cut"> {
    const response = await source.transport.open(at.path, {
      query: { ...at.query, replay: cursor === undefined ? follow.replay : undefined },
      headers: { accept: "text/event-stream", ...(cursor !== undefined && { "last-event-id": cursor }) },
      ...(follow.signal && { signal: follow.signal }),
    });
    opened();
    if (response.status === 204) return "done";
    for await (const message of readSse(response)) {
      if (message.event === "end") return "done";
      const notice = noticeOf(message);
      if (notice) {
        cursor = cursorAfter(notice, cursor);
        follow.onNotice?.(notice);
      } else {
        cursor = message.id;
        yield viewOf(message);
      }
    }
    return "cut";
  }
  const { signal, onAway } = follow;
  return resumable({ clock: source.clock, connect, ...(signal && { signal }), ...(onAway && { onAway }) });
}

/** A live-only stream that is cut before its first event must not miss what happens meanwhile: the hello says where it began. */
function cursorAfter({ kind, data }: StreamNotice, cursor: string | undefined): string | undefined {
  if (kind === "reset") return undefined;
  if (kind === "hello" && cursor === undefined && typeof data["from"] === "string") return data["from"];
  return cursor;
}

function noticeOf(message: SseMessage): StreamNotice | undefined {
  if (message.id !== undefined) return undefined;
  const kind = message.event;
  if (kind !== "hello" && kind !== "gap" && kind !== "snapshot" && kind !== "reset") return undefined;
  return { kind, data: JSON.parse(message.data) as JsonObject };
}

/** Of an event of a run the frame says what it means to watchers; here it has its own type again, and the names its topic stands for. */
function viewOf({ id = "", event, data }: SseMessage): EventView {
  const told = JSON.parse(data) as Record<string, unknown>;
  const { runId, event_type: ownType, type } = told;
  const topic = `run/${String(runId)}`;
  // An event of something else may name a run, too; it says its own topic.
  if (typeof runId !== "string" || (told["topic"] ?? topic) !== topic) return { id, ...told } as EventView;
  const names = { run: runId, topic };
  if (event === "checkpoint") return { ...names, id, ...told, type: event, checkpoint_type: type } as unknown as EventView;
  return { ...names, id, ...told, type: ownType } as EventView;
}
