import { rfc3339 } from "../kernel/rfc3339.ts";
import type { JournalEvent, JsonObject } from "../kernel/event.ts";
import type { EventView } from "./wire.ts";
import type { Services } from "./services.ts";
import { runFrame, runOfTopic } from "./run-frames.ts";
import { type Cursor, eventId, type Frame } from "./sse.ts";
import { areFew, readTopics } from "./stream-topics.ts";

type Journal = Services["journal"];

/** A part of the journal with its own numbering: all events by global seq, or one run by the seq of its topic. */
export interface Feed {
  /** Feeds with the same key hold the same frames. */
  readonly key: string;
  /** Feeds of one shape have the same frame for an event. */
  readonly shape: "own" | "global";
  /** The one topic it is about; undefined when there may be several. */
  readonly topic?: string;
  head(): number;
  /** After a cursor of one less, retention has taken nothing. */
  first(): number;
  seqOf(event: JournalEvent): number;
  /** Oldest first; may hold events that `accepts` refuses. */
  read(after: number, limit: number): JournalEvent[];
  accepts(event: JournalEvent): boolean;
  frame(event: JournalEvent): Frame;
}

/** One exact topic, numbered by itself. */
export function topicFeed(journal: Journal, topic: string): Feed {
  return {
    key: `own:${topic}`,
    shape: "own",
    topic,
    head: () => journal.head(topic),
    first: () => journal.firstAvailable(topic),
    seqOf: (event) => event.topicSeq,
    read: (after, limit) => journal.read({ topic, after, limit }),
    accepts: () => true,
    frame: ownFrame,
  };
}

/** Any topics, numbered by the journal's global seq. A trailing `*` in a topic matches a prefix; no topics means all. */
export function globalFeed(journal: Journal, given: readonly string[]): Feed {
  const topics = [...new Set(given)].toSorted();
  const wanted = topics.map((topic) => (topic.endsWith("*") ? { prefix: topic.slice(0, -1) } : { exact: topic }));
  // Asked for as prefixes even when exact: a reader of the journal numbers exact topics by themselves.
  const prefixes = topics.map((topic) => `${topic.replace(/\*$/, "")}*`);
  const only: { topic?: string } = prefixes.length === 1 && prefixes[0] !== undefined ? { topic: prefixes[0] } : {};
  const isWanted = (topic: string): boolean =>
    wanted.length === 0 || wanted.some((want) => (want.exact === undefined ? topic.startsWith(want.prefix) : want.exact === topic));
  const one = wanted.length === 1 ? wanted[0]?.exact : undefined;
  return {
    key: `global:${topics.join(",")}`,
    shape: "global",
    ...(one !== undefined && { topic: one }),
    head: () => journal.head(),
    first: () => Math.max(...(prefixes.length > 0 ? prefixes : [undefined]).map((prefix) => journal.firstAvailable(prefix))),
    seqOf: (event) => event.seq,
    read: areFew(topics)
      ? (after, limit) => readTopics(journal, topics, { after, limit })
      : (after, limit) => journal.read({ ...only, after, limit }),
    accepts: (event) => isWanted(event.topic),
    frame: globalFrame,
  };
}

/** Events of runs have names of their own; all others are called what the journal calls them. */
function ownFrame(event: JournalEvent): Frame {
  if (runOfTopic(event.topic) === undefined) return viewFrame(event, event.topicSeq);
  return { id: eventId(event.ts, event.topicSeq), ...runFrame(event) };
}

/** Says the topic, too: there may be several. */
function globalFrame(event: JournalEvent): Frame {
  if (runOfTopic(event.topic) === undefined) return viewFrame(event, event.seq);
  const frame = runFrame(event);
  return { id: eventId(event.ts, event.seq), event: frame.event, data: { ...frame.data, topic: event.topic } };
}

function viewFrame(event: JournalEvent, seq: number): Frame {
  const { id, ...data } = eventView(event, seq);
  return { id, event: event.type, data: data as JsonObject };
}

export interface StartPoint {
  /** Exclusive. */
  readonly after: number;
  /** Of the backlog, only what is newer. */
  readonly newerThanMs?: number;
  readonly gap?: { readonly requested: number; readonly first_available: number };
  readonly reset?: boolean;
}

/** Where in the feed a cursor points today. An id of another history (the journal was replaced) is a reset, even when its number exists here. */
export function startPoint(feed: Feed, cursor: Cursor): StartPoint {
  if (cursor.kind === "all") return { after: 0 };
  if (cursor.kind === "time") return { after: 0, newerThanMs: cursor.ms };
  if (cursor.kind === "replay") return { after: beforeLast(feed, cursor.count) };
  if (cursor.seq > feed.head() || isForeign(feed, cursor)) return { after: 0, reset: true };
  const first = feed.first();
  return { after: cursor.seq, ...(cursor.seq < first - 1 && { gap: { requested: cursor.seq, first_available: first } }) };
}

function isForeign(feed: Feed, cursor: { ms: number; seq: number }): boolean {
  if (cursor.ms === 0 || cursor.seq === 0) return false;
  const named = feed.read(cursor.seq - 1, 1)[0];
  return named !== undefined && feed.seqOf(named) === cursor.seq && named.ts !== cursor.ms;
}

function beforeLast(feed: Feed, count: number): number {
  if (count === 0) return feed.head();
  const oldest = lastBefore(feed, feed.head() + 1, count)[0];
  return oldest === undefined ? feed.head() : feed.seqOf(oldest) - 1;
}

/** The last `count` accepted events with a seq below `before`, oldest first. Looks back in windows that double, as most feeds are dense. */
export function lastBefore(feed: Feed, before: number, count: number): JournalEvent[] {
  for (let window = count; ; window *= 2) {
    const after = Math.max(0, before - 1 - window);
    const found = between(feed, after, before).slice(-count);
    if (found.length >= count || after === 0) return found;
  }
}

const PAGE = 500;

function between(feed: Feed, after: number, before: number): JournalEvent[] {
  const found: JournalEvent[] = [];
  for (let at = after; ;) {
    const page = feed.read(at, PAGE);
    const last = page.at(-1);
    for (const event of page) if (feed.seqOf(event) < before && feed.accepts(event)) found.push(event);
    if (!last || page.length < PAGE || feed.seqOf(last) >= before - 1) return found;
    at = feed.seqOf(last);
  }
}

/** An event as the wire shows it. Its data never replaces the journal's own fields. */
export function eventView(event: JournalEvent, seq: number): EventView {
  return {
    ...event.data,
    ...namesOf(event.topic),
    id: eventId(event.ts, seq),
    seq: event.seq,
    n: event.topicSeq,
    ts: rfc3339(event.ts),
    topic: event.topic,
    type: event.type,
  };
}

function namesOf(topic: string): JsonObject {
  const [kind = "", ...rest] = topic.split("/");
  const name = rest.join("/");
  if (kind === "run") return { run: name, runId: name };
  return kind === "stack" ? { stack: name } : {};
}
