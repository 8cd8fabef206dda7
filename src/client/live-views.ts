import type { Client } from "./client.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { StackView } from "../stack/view.ts";

interface LiveOptions {
  readonly stack: string;
  readonly signal: AbortSignal;
  readonly usage?: boolean;
  /** Also without an event after this long, for the ages on a terminal. */
  readonly everyMs?: number;
  /** A stack that is not there yet will be: its change was admitted a moment ago. */
  readonly mayAppear?: boolean;
  /** The daemon does not answer; it is asked again. */
  readonly onAway?: (why: string) => void;
}

/**
 * The stack as it is, then again after each burst of events, until the signal aborts. However fast events come, one request is under
 * way at a time. Ends when the stack is gone after it was there once; `not_found` when it never was.
 */
export async function* liveViews(
  client: Client,
  { stack, signal, usage, everyMs, mayAppear = false, onAway }: LiveOptions,
): AsyncGenerator<StackView> {
  const wake = new Wake(signal);
  void followTo(client, { stack, signal }, wake);
  let seen = false;
  while (!signal.aborted) {
    wake.arm();
    try {
      const view = await client.stack(stack, usage ? { usage } : {});
      seen = true;
      yield view;
    } catch (error) {
      const code = error instanceof OrcoError ? error.code : undefined;
      if (seen && code === "not_found") return;
      // A daemon that is being restarted comes back; the event stream says when, or gives up.
      const passes = seen ? code === "unreachable" : mayAppear && code === "not_found";
      if (!passes) throw error;
      if (code === "unreachable") onAway?.(messageOf(error));
    }
    await wake.next(everyMs);
    if (wake.failure) throw wake.failure;
  }
}

/** Rings at every event, and at the end of the stream: with the error that ended it, unless the signal did. */
async function followTo(client: Client, { stack, signal }: { stack: string; signal: AbortSignal }, wake: Wake): Promise<void> {
  try {
    for await (const _ of client.events({ topic: `stack/${stack}`, replay: 0, signal, onNotice: () => wake.ring() })) wake.ring();
  } catch (error) {
    if (!signal.aborted) wake.failure = error instanceof Error ? error : new Error(String(error));
  }
  wake.ring();
}

/** One bell: rung any number of times between two waits, it rings once. */
class Wake {
  private rung = Promise.withResolvers<undefined>();
  failure: Error | undefined;

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.ring(), { once: true });
  }

  arm(): void {
    this.rung = Promise.withResolvers<undefined>();
  }

  ring(): void {
    this.rung.resolve(undefined);
  }

  async next(everyMs?: number): Promise<undefined> {
    if (everyMs === undefined) return this.rung.promise;
    const timeout = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => timeout.resolve(undefined), everyMs);
    await Promise.race([this.rung.promise, timeout.promise]);
    clearTimeout(timer);
    return undefined;
  }
}
