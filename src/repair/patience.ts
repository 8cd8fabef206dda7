import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { isAway } from "../supervise/docker/engine.ts";

/** Docker that is started anew is back in seconds; one that is updated takes minutes. */
const LONGEST_MS = 10 * 60_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 5000;

interface Waiting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Each time that it is away, or full. */
  readonly onAway: (error: OrcoError) => void;
}

/** What is safe to repeat, again and again while docker is away; what it throws then after ten minutes of that. */
export function whileDockerIsAway<T>(act: () => Promise<T>, waiting: Waiting): Promise<T> {
  return again(act, isGone, waiting);
}

/** The same while there is no room on disk. */
export function whileDiskIsFull<T>(act: () => Promise<T>, waiting: Waiting): Promise<T> {
  return again(act, isFull, waiting);
}

async function again<T>(
  act: () => Promise<T>,
  mayPass: (error: unknown) => error is OrcoError,
  { clock, signal, onAway }: Waiting,
): Promise<T> {
  const deadline = clock.monotonic() + LONGEST_MS;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
    try {
      return await act();
    } catch (error) {
      if (!mayPass(error) || signal.aborted || clock.monotonic() >= deadline) throw error;
      onAway(error);
    }
    await clock.sleep(delay, signal);
  }
}

/** As the engine itself says it, and as callers of compose do. */
function isGone(error: unknown): error is OrcoError {
  return error instanceof OrcoError && (error.code === "docker_unavailable" || isAway(error));
}

function isFull(error: unknown): error is OrcoError {
  return error instanceof OrcoError && error.code === "disk_full";
}
