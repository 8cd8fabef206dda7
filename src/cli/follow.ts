import type { Context } from "./context.ts";
import { interrupt } from "./interrupt.ts";
import { OutputClosed } from "./io.ts";

/** 128 + SIGINT, as a shell says it. */
const INTERRUPTED = 130;

/** Of one who watches what goes on without them. */
export interface Following {
  /** Aborts when they have enough of it, or nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Only the end counts. */
  readonly silent: boolean;
}

/** Follows something to its end; resolves with 0, or with 130 after Ctrl-C, which leaves it running and says `goesOn`. Throws `OutputClosed` when nobody reads. */
export async function follow(context: Context, goesOn: string, watch: (following: Following) => Promise<void>): Promise<number> {
  const stop = interrupt();
  const unread = new AbortController();
  const silent = context.global.json === true || context.global.quiet === true;
  const release = silent ? undefined : context.io.onUnread?.(() => unread.abort(new OutputClosed()));
  try {
    await watch({ signal: AbortSignal.any([stop.signal, unread.signal]), silent });
    return 0;
  } catch (error) {
    unread.signal.throwIfAborted();
    if (!stop.signal.aborted) throw error;
    context.note(goesOn);
    return INTERRUPTED;
  } finally {
    release?.();
    stop.release();
  }
}
