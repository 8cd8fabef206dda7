import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { KubeClient } from "./client.ts";
import { linesOf } from "./lines.ts";
import type { KubeList } from "./objects.ts";
import type { Shelf } from "./shelf.ts";
import { statusOf } from "./status-error.ts";
import { applyWatchEvent, type Kind, type WatchEvent } from "./watch-event.ts";

/** Everything is listed again this often: events may have been missed. */
const RECONCILE_MS = 60_000;
/** Listing takes at most this part of the time: after an hour of short steps there is much to list. */
const LIST_SHARE = 0.05;
const PAGE = "500";
const LIST_TIMEOUT_MS = 60_000;
/** A server that ends the watch itself needs a moment; one that does not in this time is gone. */
const SILENCE_MS = 10_000;
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
const MAX_EVENT_CHARS = 4 * 1024 * 1024;
const GONE = 410;

interface Place {
  /** Version to go on from; undefined: list first. */
  at: string | undefined;
  relistAt: number;
}

export interface WatchSource<T extends { readonly name: string; readonly uid: string }> {
  readonly client: KubeClient;
  readonly kind: Kind<T>;
  readonly selector: string;
  readonly clock: Clock;
  /** For the log: the watch goes on by itself. */
  readonly trouble?: (message: string) => void;
}

/** LIST, then WATCH from there, over and over: keeps a shelf like what the API server has. Resolves when `signal` aborts. */
export async function keepLike<T extends { readonly name: string; readonly uid: string }>(
  source: WatchSource<T>,
  shelf: Shelf<T>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = source;
  const place: Place = { at: undefined, relistAt: 0 };
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    let after = 0;
    try {
      if (place.at === undefined || clock.monotonic() >= place.relistAt) await list(source, { shelf, place, signal });
      const began = clock.monotonic();
      await watch(source, { shelf, place, signal });
      const lasted = clock.monotonic() - began;
      if (lasted > FIRST_WAIT_MS && place.at !== undefined) {
        wait = FIRST_WAIT_MS;
        continue;
      }
      // A server or a proxy that ends every watch at once, or has forgotten the version of a list that took long, must not be asked in a circle. One that
      // forgets it in the end is asked as after any other that lasted.
      if (lasted > MAX_WAIT_MS) wait = FIRST_WAIT_MS;
    } catch (error) {
      if (signal.aborted) return;
      if (statusOf(error) === undefined) source.client.doubt();
      if (statusOf(error) === GONE) place.at = undefined;
      else source.trouble?.(`watching ${source.kind.path}: ${messageOf(error)}`);
      after = retryAfterMs(error);
    }
    await pause(clock, Math.max(wait, after), signal);
    wait = Math.min(wait * 2, MAX_WAIT_MS);
  }
}

interface Shelving<T extends { readonly name: string; readonly uid: string }> {
  readonly shelf: Shelf<T>;
  readonly place: Place;
  readonly signal: AbortSignal;
}

/** In pages. A page that expired starts the list anew. */
async function list<T extends { readonly name: string; readonly uid: string }>(
  { client, kind, selector, clock }: WatchSource<T>,
  { shelf, place, signal }: Shelving<T>,
): Promise<void> {
  const began = clock.monotonic();
  place.at = undefined;
  const found: T[] = [];
  let page: KubeList;
  let next = "";
  do {
    const query = { labelSelector: selector, limit: PAGE, ...(next !== "" && { continue: next }) };
    page = await client.json<KubeList>({ path: kind.path, query, signal, timeoutMs: LIST_TIMEOUT_MS });
    for (const object of page.items ?? []) found.push(kind.facts(object));
    next = page.metadata?.continue ?? "";
  } while (next !== "");
  signal.throwIfAborted(); // another watch may fill the shelf by now
  shelf.replace(found, began);
  const now = clock.monotonic();
  place.at = page.metadata?.resourceVersion;
  place.relistAt = now + Math.max(RECONCILE_MS, (now - began) / LIST_SHARE);
}

/** Until the server ends it, at the latest when it is time for the next list. */
async function watch<T extends { readonly name: string; readonly uid: string }>(
  { client, kind, selector, clock }: WatchSource<T>,
  { shelf, place, signal }: Shelving<T>,
): Promise<void> {
  const seconds = Math.max(1, Math.ceil((place.relistAt - clock.monotonic()) / 1000));
  const query = {
    watch: "true",
    allowWatchBookmarks: "true",
    labelSelector: selector,
    resourceVersion: place.at ?? "",
    timeoutSeconds: String(seconds),
  };
  const body = await client.stream({ path: kind.path, query, signal, timeoutMs: seconds * 1000 + SILENCE_MS });
  for await (const lines of linesOf(body, MAX_EVENT_CHARS)) {
    for (const line of lines) {
      if (line === "") continue;
      const applied = applyWatchEvent(JSON.parse(line) as WatchEvent, shelf, kind);
      if ("error" in applied) throw new OrcoError("unavailable", applied.error);
      place.at = "expired" in applied ? undefined : (applied.next ?? place.at);
      if (place.at === undefined) return;
    }
  }
}

function retryAfterMs(error: unknown): number {
  const after = error instanceof OrcoError ? error.facts["retry_after_s"] : undefined;
  return typeof after === "number" ? after * 1000 : 0;
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch(() => undefined); // aborted: the loop sees it
}
