import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { type ContainerState, inspectContainer, waitContainer } from "../../supervise/docker/containers.ts";
import { endState } from "../../supervise/docker/end-state.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { ContainerLog } from "./container-log.ts";

export interface WatchOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: ContainerLog;
  /** How long docker may be away, ms; asked anew at each try. */
  readonly patienceMs: () => number;
  /** Docker does not answer; told once an absence. */
  readonly onAway: (error: OrcoError) => void;
  /** It has ended; its last lines may still be on their way. */
  readonly onExit: (state: ContainerState) => void;
}

/** A connection may stay open though nothing comes through it any more. */
const CHECK_MS = 30_000;
/** The end of the log may come a moment before the end of the container. */
const END_MS = 2000;
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;

/**
 * Follows a container through restarts of docker until it has ended and its log was taken to the last line. Undefined when somebody has removed it.
 * Rejects with the signal's reason, or with docker's error when it is away for too long.
 */
export async function watchContainer(id: string, options: WatchOptions): Promise<ContainerState | undefined> {
  const { clock, signal, log, onExit } = options;
  const absence = new Absence(options);
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    try {
      await follow(id, options);
      const state = await stateAfter(id, options);
      if (!state.Running) {
        onExit(state);
        await log.rest(signal);
        return state;
      }
      absence.over();
      waitMs = FIRST_WAIT_MS;
    } catch (error) {
      if (signal.aborted || !(error instanceof OrcoError)) throw error;
      if (error.code === "not_found") return undefined;
      absence.noted(error);
    }
    await clock.sleep(waitMs, signal);
  }
}

async function follow(id: string, { engine, clock, signal, log }: WatchOptions): Promise<void> {
  const cut = new AbortController();
  const onAbort = (): void => cut.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  let cancel: CancelTimer | undefined;
  const look = async (): Promise<void> => {
    const { State } = await inspectContainer(engine, id, { signal: cut.signal, timeoutMs: CHECK_MS });
    if (State.Running) arm();
    else cut.abort();
  };
  const arm = (): void => {
    cancel = clock.after(CHECK_MS, () => void look().catch(() => cut.abort()));
  };
  arm();
  try {
    if (!signal.aborted) await log.follow(cut.signal);
  } catch (error) {
    if (!cut.signal.aborted || signal.aborted) throw error;
  } finally {
    cancel?.();
    cut.abort();
    signal.removeEventListener("abort", onAbort);
  }
}

async function stateAfter(id: string, { engine, clock, signal }: WatchOptions): Promise<ContainerState> {
  const info = await inspectContainer(engine, id, { signal });
  if (!info.State.Running) return endState(engine, info, { clock, signal });
  await waitContainer(engine, id, { signal, timeoutMs: END_MS }).catch((error: unknown) => {
    if (!(error instanceof OrcoError) || error.code !== "timeout") throw error;
  });
  return endState(engine, await inspectContainer(engine, id, { signal }), { clock, signal });
}

/** Docker is away: since when, and whether that is too long. */
class Absence {
  private since: number | undefined;

  constructor(private readonly options: WatchOptions) {}

  over(): void {
    this.since = undefined;
  }

  noted(error: OrcoError): void {
    const { clock, patienceMs, onAway } = this.options;
    const now = clock.monotonic();
    if (this.since === undefined) onAway(error);
    this.since ??= now;
    const awayMs = now - this.since;
    if (awayMs > patienceMs())
      throw new OrcoError("unavailable", `${error.message} (for ${formatSpan(awayMs)})`, error.facts, { cause: error });
  }
}
