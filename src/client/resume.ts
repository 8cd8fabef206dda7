import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";

export interface Resume<T> {
  readonly clock: Pick<Clock, "sleep" | "monotonic" | "random">;
  readonly signal?: AbortSignal;
  /** Opens the stream from where the last one ended and calls `opened` when it has an answer. `done` ends the whole, `cut`: come again. */
  readonly connect: (opened: () => void) => AsyncGenerator<T, "done" | "cut">;
  /** How long the daemon may be away before `unreachable` is thrown. */
  readonly giveUpMs?: number;
  /** Why, once when the daemon has been away for two seconds; undefined when it answers again. */
  readonly onAway?: (why: string | undefined) => void;
}

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1000;
const GIVE_UP_MS = 30_000;
/** A restart takes less: nobody needs to hear of it. */
const TELL_MS = 2000;
const COMES_BACK: ReadonlySet<string> = new Set(["unreachable", "unavailable", "rate_limited"]);

/**
 * A stream that outlives its connections: reconnects with growing pauses until the daemon has been away for `giveUpMs`.
 * A daemon that is not there at the very first connection is `unreachable` at once. Returns quietly when the signal aborts.
 */
export async function* resumable<T>(resume: Resume<T>): AsyncGenerator<T, void> {
  const { clock, signal, giveUpMs = GIVE_UP_MS } = resume;
  let everOpened = false;
  let lostAt: number | undefined;
  let pauses = 0;
  let told = false;
  function opened(): void {
    everOpened = true;
    lostAt = undefined;
    if (told) resume.onAway?.(undefined);
    told = false;
    pauses = 0;
  }
  const wanted = (): boolean => signal?.aborted !== true;
  while (wanted()) {
    try {
      if ((yield* resume.connect(opened)) === "done") return;
    } catch (error) {
      if (!wanted()) return;
      if (!everOpened || !mayComeBack(error)) throw error;
      lostAt ??= clock.monotonic();
      const awayMs = clock.monotonic() - lostAt;
      if (awayMs > giveUpMs) throw error;
      if (awayMs >= TELL_MS && !told) resume.onAway?.(messageOf(error));
      told ||= awayMs >= TELL_MS;
    }
    await clock.sleep(pauseMs(pauses++, clock.random()), signal).catch(() => undefined);
  }
}

function pauseMs(pauses: number, chance: number): number {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(pauses, 10));
  return full / 2 + (full / 2) * chance;
}

function mayComeBack(error: unknown): boolean {
  return error instanceof OrcoError && COMES_BACK.has(error.code);
}
