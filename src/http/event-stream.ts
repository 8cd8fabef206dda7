import type { JsonObject } from "../kernel/event.ts";
import type { Ctx, Deps } from "./context.ts";
import { type Feed, type StartPoint, startPoint } from "./feed.ts";
import { endFrame, runOfTopic } from "./run-frames.ts";
import { cursorOf, encodeFrame, eventId, SSE_HEADERS, SSE_HEARTBEAT, SSE_RETRY } from "./sse.ts";
import type { LiveEvents, Subject } from "./stream-hub.ts";
import type { CloseReason, StreamWriter } from "./streams.ts";

interface CursorQuery {
  readonly lastEventId?: string | undefined;
  readonly replay?: number | undefined;
}

export interface EventStream extends Subject {
  readonly query: CursorQuery;
  /** Enough to draw the page: first frame, with `last_seq` and `from` added. */
  readonly hello: () => JsonObject;
  /** The state as it is, for a reader whose cursor has gone. */
  readonly snapshot: () => JsonObject;
  /** The status, once the stream's subject has ended for good. */
  readonly ended: () => string | undefined;
}

/** Bytes of a part of the backlog; how many events that are is learnt from the part before. */
const PAGE_BYTES = 32 * 1024;
const FIRST_PAGE_EVENTS = 4;
const MAX_PAGE_EVENTS = 250;
/** An end is looked for among so many of the newest events, few at first: it may be followed by late words of its steps. */
const LATE_EVENTS = [1, 8, 64];

/** hello → gap or reset → backlog → live, in one go: no gap, no duplicate. A reader who has seen the end gets 204, which stops an EventSource. */
export function openEventStream(deps: Deps, c: Ctx, stream: EventStream): Response {
  const cursor = cursorOf({ header: c.req.header("last-event-id"), ...stream.query });
  const start = startPoint(stream.feed, cursor);
  const end = endOfAll(stream);
  if (end && cursor.kind === "id" && !start.reset && !start.gap && start.after >= end.seq) return new Response(null, { status: 204 });
  c.set("streaming", true);
  if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS });
  c.env.hold();
  const live = deps.streams.liveEvents(deps.services.journal);
  const produce = (writer: StreamWriter) => fill(writer, { stream, start, live, end });
  return new Response(deps.streams.start({ heartbeat: SSE_HEARTBEAT, produce }), { headers: SSE_HEADERS });
}

interface End {
  readonly status: string;
  readonly seq: number;
}

interface Filling {
  readonly stream: EventStream;
  readonly start: StartPoint;
  readonly live: LiveEvents;
  /** Undefined while it has not ended. */
  readonly end: End | undefined;
}

/**
 * The disk is the buffer between the backlog and what is live: once a part of the backlog reaches the end of the journal, the reader joins
 * the live frames in the same turn, and skips those it has.
 */
async function fill(writer: StreamWriter, { stream, start, live, end }: Filling): Promise<CloseReason> {
  const { feed } = stream;
  const backlog = new Backlog(stream, start);
  let before = SSE_RETRY + opening(stream, start);
  if (end && start.after >= end.seq) {
    writer.write(before + encodeFrame(endFrame(feed.topic, end.status)));
    return "ended";
  }
  while (!writer.signal.aborted) {
    const { text, last } = backlog.next();
    writer.write(before + text);
    before = "";
    if (last === "end") return "ended";
    if (last === "now") return writer.share(live, stream, backlog.at);
    await writer.room(0);
  }
  return "ended";
}

interface Part {
  readonly text: string;
  /** Nothing follows: for good, or on disk just now. */
  readonly last?: "end" | "now";
}

/** The events on disk after a place, as frames, in parts. */
class Backlog {
  private limit = FIRST_PAGE_EVENTS;
  private readonly highWater: number;
  /** Everything up to here was given. */
  at: number;

  constructor(
    private readonly stream: EventStream,
    private readonly start: StartPoint,
  ) {
    this.highWater = stream.feed.head();
    this.at = Math.max(start.after, stream.feed.first() - 1);
  }

  next(): Part {
    const { feed, endOf } = this.stream;
    const { limit } = this;
    let text = this.gap();
    const page = feed.read(this.at, limit);
    for (const event of page) {
      this.at = feed.seqOf(event);
      if (!feed.accepts(event)) continue;
      if (!this.isOld(event.ts)) text += encodeFrame(feed.frame(event));
      const ended = endOf(event);
      if (ended !== undefined) return { text: text + encodeFrame(endFrame(feed.topic, ended)), last: "end" };
    }
    const fits = Math.floor((PAGE_BYTES * page.length) / Math.max(1, text.length));
    this.limit = Math.min(MAX_PAGE_EVENTS, Math.max(1, fits));
    if (page.length === limit) return { text };
    this.at = Math.max(this.at, feed.head());
    return { text, last: "now" };
  }

  /** What retention took while the reader was busy with the part before. */
  private gap(): string {
    const first = this.stream.feed.first();
    if (this.at >= first - 1) return "";
    const gap = gapFrames(this.stream, { requested: this.at, first_available: first });
    this.at = first - 1;
    return gap;
  }

  private isOld(ts: number): boolean {
    return this.start.newerThanMs !== undefined && this.at <= this.highWater && ts <= this.start.newerThanMs;
  }
}

/**
 * How and where the stream's subject ended; seq 0 when retention took all of its events. Undefined also while its last event is not on
 * disk yet: in memory it may have ended a moment before.
 */
function endOfAll({ feed, ended, endOf }: EventStream): End | undefined {
  const status = ended();
  if (status === undefined) return undefined;
  for (const count of LATE_EVENTS) {
    const newest = feed.read(Math.max(0, feed.head() - count), count);
    if (newest.length === 0) return { status, seq: 0 };
    const last = newest.find((event) => endOf(event) !== undefined);
    if (last) return { status, seq: feed.seqOf(last) };
  }
  return undefined;
}

function opening(stream: EventStream, start: StartPoint): string {
  const { feed } = stream;
  const lastSeq = feed.head();
  const hello = encodeFrame({ event: "hello", data: { ...stream.hello(), last_seq: lastSeq, from: fromId(feed, start.after) } });
  if (start.reset) return hello + encodeFrame({ event: "reset", data: { ...whose(feed), last_seq: lastSeq } });
  return start.gap ? hello + gapFrames(stream, start.gap) : hello;
}

function gapFrames(stream: EventStream, gap: { readonly requested: number; readonly first_available: number }): string {
  const data = { ...whose(stream.feed), ...gap };
  return encodeFrame({ event: "gap", data }) + encodeFrame({ event: "snapshot", data: stream.snapshot() });
}

function whose({ topic = "" }: Feed): JsonObject {
  const runId = runOfTopic(topic);
  return runId === undefined ? {} : { runId };
}

/** The id of the event this stream starts behind: a reader that is cut before its first event comes back with it. */
function fromId(feed: Feed, after: number): string {
  const event = after > 0 ? feed.read(after - 1, 1)[0] : undefined;
  return eventId(event && feed.seqOf(event) === after ? event.ts : 0, Math.max(0, after));
}
