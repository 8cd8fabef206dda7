import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { KubeClient, Request } from "./client.ts";
import { linesOf } from "./lines.ts";
import { sinceTime } from "./log-cursor.ts";
import type { LogLines } from "./log-lines.ts";
import { CONTAINER } from "./objects.ts";
import type { Slots } from "../slots.ts";
import { isRefusal } from "./status-error.ts";

/** A message of the protocol and its time stamp. */
const MAX_LINE_CHARS = 1024 * 1024 + 64;
/** A connection that says nothing for this long may be dead; reading goes on where it was. */
const SILENCE_MS = 300_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;
/** How long the rest of an ended pod's log is asked for. Its node may be gone. */
const REST_MS = 30_000;
/** Where more pods talk than may be listened to at once, each is listened to this long. */
const TURN_MS = 5000;

export interface LogSource {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly slots: Slots;
  readonly namespace: string;
  readonly pod: string;
  /** Epoch ms of its Job. */
  readonly createdAt: number;
}

/** Follows one pod's log until it has been read to its end. */
export class LogReader {
  /** Rejects with what a message was refused with for good. Resolves with why the rest could not be read, where that is so. */
  readonly done: Promise<string | undefined>;
  /** Aborted once the whole log is there to be read: following it is no use any more. */
  private readonly whole = new AbortController();

  constructor(
    private readonly source: LogSource,
    private readonly lines: LogLines,
    signal: AbortSignal,
  ) {
    this.done = this.run(signal);
  }

  /** Its container has ended. */
  end(): void {
    this.whole.abort(new Error("the container has ended"));
  }

  private async run(signal: AbortSignal): Promise<string | undefined> {
    let wait = FIRST_WAIT_MS;
    while (!this.whole.signal.aborted) {
      signal.throwIfAborted();
      const followed = await this.follow(signal);
      wait = followed ? FIRST_WAIT_MS : Math.min(wait * 2, MAX_WAIT_MS);
      await this.source.clock.sleep(wait, AbortSignal.any([signal, this.whole.signal])).catch(() => undefined); // the loop sees it
    }
    return this.rest(signal);
  }

  /** True when something could be read. A stream that is cut is opened again. */
  private async follow(signal: AbortSignal): Promise<boolean> {
    const { slots, clock } = this.source;
    const turn = new AbortController();
    const until = AbortSignal.any([signal, this.whole.signal, turn.signal]);
    let giveBack: (() => void) | undefined;
    let cancel: (() => void) | undefined;
    const ended = (): void => {
      if (slots.wanted) turn.abort(new Error("others wait"));
      else cancel = clock.after(TURN_MS, ended);
    };
    try {
      giveBack = await slots.take(until);
      cancel = clock.after(TURN_MS, ended);
      await this.read({ follow: "true" }, until);
      return true;
    } catch (error) {
      if (!until.aborted && !(error instanceof Unread)) throw error;
      return false;
    } finally {
      cancel?.();
      giveBack?.();
    }
  }

  private async rest(signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.source;
    const deadline = clock.monotonic() + REST_MS;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, MAX_WAIT_MS)) {
      try {
        await this.read({}, signal);
        return undefined;
      } catch (error) {
        if (signal.aborted || !(error instanceof Unread)) throw error;
        if (!(error.code === "unavailable" || isRefusal(error)) || clock.monotonic() > deadline) return error.message;
      }
      await clock.sleep(wait, signal);
    }
  }

  private async read(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const { client, namespace, pod, createdAt } = this.source;
    const from = this.lines.reopen();
    const since = from > 0 ? { sinceTime: sinceTime(from, createdAt) } : {};
    const request: Request = {
      path: `/api/v1/namespaces/${namespace}/pods/${pod}/log`,
      query: { container: CONTAINER, timestamps: "true", ...since, ...query },
      timeoutMs: "follow" in query ? SILENCE_MS : REST_MS,
      signal,
    };
    for await (const lines of linesOf(chunksOf(client, request), MAX_LINE_CHARS)) for (const line of lines) await this.lines.take(line);
  }
}

/** The log could not be read, as opposed to: what it said was refused. */
class Unread extends OrcoError {}

/** A stream whose own failures can be told from those of whoever takes its lines. */
async function* chunksOf(client: KubeClient, request: Request): AsyncGenerator<Uint8Array> {
  let cancel: (() => Promise<void>) | undefined;
  try {
    const reader = (await client.stream(request)).getReader();
    cancel = () => reader.cancel();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw new Unread(error instanceof OrcoError ? error.code : "unavailable", messageOf(error), {}, { cause: error });
  } finally {
    await cancel?.().catch(() => undefined); // it failed already, or nobody reads on
  }
}
