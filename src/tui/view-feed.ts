import type { Client } from "../client/client.ts";
import { liveViews } from "../client/live-views.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { StackView } from "../stack/view.ts";

export interface ViewFeed {
  readonly client: Client;
  readonly stack: string;
  readonly signal: AbortSignal;
  /** Its change was admitted a moment ago. */
  readonly mayAppear: boolean;
  readonly onView: (view: StackView) => void;
  /** The daemon is away; views come again when it is back. */
  readonly onAway: (why: string) => void;
}

/** Ages go on. */
const REFRESH_MS = 1000;
/** Between two views, however fast events come. */
const REST_MS = 200;
const AGAIN_MS = 500;

/** Views of the stack until the signal aborts, across any absence of the daemon; ends before when the stack is gone. */
export async function feedViews(feed: ViewFeed): Promise<void> {
  const { client, stack, signal, onView, onAway } = feed;
  let seen = false;
  while (!signal.aborted) {
    try {
      const options = { stack, signal, everyMs: REFRESH_MS, mayAppear: feed.mayAppear && !seen, onAway };
      for await (const view of liveViews(client, options)) {
        seen = true;
        onView(view);
        await Bun.sleep(REST_MS);
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof OrcoError && error.code === "not_found") return;
      if (!isAway(error)) throw error;
      onAway(messageOf(error));
      await Bun.sleep(AGAIN_MS);
    }
  }
}

export function isAway(error: unknown): boolean {
  return error instanceof OrcoError && (error.code === "unreachable" || error.code === "unavailable" || error.code === "rate_limited");
}
