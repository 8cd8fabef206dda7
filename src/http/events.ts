import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { Ctx, Deps } from "./context.ts";
import { type Site, endpoint } from "./endpoint.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";
import { eventView, globalFeed, lastBefore } from "./feed.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { cursorQuery } from "./run-stream.ts";
import { limit } from "./schemas.ts";

const MAX_TOPICS = 50;
const TOPIC = /^[a-z]+(?:\/[A-Za-z0-9._-]*)*\*?$/;

const query = z.strictObject({
  topic: z.string().optional().describe("stack/demo, stack/*, several with commas; all when absent"),
  limit,
  cursor: z.string().optional(),
  ...cursorQuery,
});
type Query = z.infer<typeof query>;

/** Everything that happens: as a stream, or as a list for who asks for one. */
export function eventRoutes(site: Site): void {
  const { deps } = site;
  const content = { "text/event-stream": "Event", "application/json": "EventList" } as const;
  const answers = { 200: { description: "A stream; with Accept: application/json, limit or cursor a page, newest first", content } };
  const events = { path: "/events", id: "events", summary: "All events, one connection for all topics", answers };
  endpoint(site, { method: "get", params: z.strictObject({}), query, ...events }, (c, input) => {
    const topics = topicsOf(input.query.topic);
    return wantsPage(c)
      ? listEvents(deps, c, { topics, query: input.query })
      : openEventStream(deps, c, { query: input.query, ...multiplexed(deps, topics) });
  });
}

/** A stream is what `/events` is for, also for a `curl` that accepts anything; a page is asked for by type or by its own parameters. */
function wantsPage(c: Ctx): boolean {
  if (wantsStream(c)) return false;
  return (c.req.header("accept") ?? "").includes("application/json") || ["limit", "cursor"].some((name) => c.req.query(name) !== undefined);
}

export function wantsStream(c: Ctx): boolean {
  return (c.req.header("accept") ?? "").includes("text/event-stream");
}

function topicsOf(text: string | undefined): readonly string[] {
  const topics = text?.split(",").filter((topic) => topic !== "" && topic !== "*") ?? [];
  const bad = topics.find((topic) => !TOPIC.test(topic));
  if (bad !== undefined)
    throw new OrcoError("invalid", `${JSON.stringify(bad.slice(0, 80))} is no topic; topics are stack/<name>, run/<id>, stack/*`);
  if (topics.length > MAX_TOPICS) throw new OrcoError("invalid", `more than ${MAX_TOPICS} topics`);
  return topics;
}

function multiplexed({ services }: Deps, topics: readonly string[]): Omit<EventStream, "query"> {
  return {
    feed: globalFeed(services.journal, topics),
    hello: () => ({ topics }),
    snapshot: () => ({ stacks: services.stacks.list() as unknown as JsonObject[] }),
    ended: () => undefined,
    endOf: () => undefined,
  };
}

function listEvents(
  { services }: Deps,
  c: Ctx,
  { topics, query: { limit: count, cursor } }: { topics: readonly string[]; query: Query },
): Response {
  const feed = globalFeed(services.journal, topics);
  const filters = { list: "events", topics };
  const before = cursor === undefined ? feed.head() + 1 : Number(decodeCursor(cursor, filters));
  const found = lastBefore(feed, before, count + 1).toReversed();
  const events = found.slice(0, count);
  const last = events.at(-1);
  const views = events.map((event) => eventView(event, event.seq));
  if (found.length <= count || !last) return c.json({ events: views });
  const next = encodeCursor(String(last.seq), filters);
  return c.json({ events: views, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
}
