import type { Client } from "../client/client.ts";
import type { Follow } from "../client/events.ts";
import type { EventView } from "../client/wire.ts";
import { sayAway } from "./away.ts";
import { optionalStackName, textOption, type Context } from "./context.ts";
import { eventLine } from "./event-line.ts";
import { LineBuffer } from "./line-buffer.ts";
import { timeOption } from "./time.ts";

/** Without `--since` this many of the newest are shown. */
const SHOWN = 100;
const PAGE = 500;
/** Of one command without `--follow`; older ones are reached with the API. */
const MAX_PAGES = 200;

export async function events(context: Context): Promise<undefined> {
  const { options, io, global } = context;
  const since = textOption(options, "since");
  const sinceMs = since === undefined ? undefined : timeOption(since, "--since", Date.now());
  const stack = options["all"] === true ? undefined : optionalStackName(context);
  const client = await context.client();
  const lines = new LineBuffer(io);
  const wanted = { ...(stack !== undefined && { topic: `stack/${stack}` }), sinceMs };
  const release = lines.watch();
  const found =
    options["follow"] === true ? following(client, wanted, { signal: lines.closed, ...sayAway(context) }) : past(client, wanted);
  for await (const event of found) lines.push(global.json ? JSON.stringify(event) : eventLine(event));
  release();
  lines.flush();
  lines.check();
  return undefined;
}

interface Wanted {
  readonly topic?: string;
  readonly sinceMs: number | undefined;
}

function following(client: Client, { sinceMs, ...topic }: Wanted, how: Pick<Follow, "signal" | "onAway">): AsyncIterable<EventView> {
  return client.events({ ...topic, ...how, ...(sinceMs === undefined ? { replay: SHOWN } : { lastEventId: String(sinceMs - 1) }) });
}

/** Oldest first. */
async function* past(client: Client, { sinceMs, ...topic }: Wanted): AsyncGenerator<EventView> {
  const newestFirst: EventView[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const limit = sinceMs === undefined ? SHOWN : PAGE;
    const answer = await client.recentEvents({ ...topic, limit, ...(cursor !== undefined && { cursor }) });
    const recent = answer.events.filter((event) => sinceMs === undefined || Date.parse(event.ts) >= sinceMs);
    newestFirst.push(...recent);
    cursor = answer.next_cursor;
    if (cursor === undefined || sinceMs === undefined || recent.length < answer.events.length) break;
  }
  yield* newestFirst.toReversed();
}
