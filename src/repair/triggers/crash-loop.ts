/** How many failed runs within how long are a crash loop, and how long nothing may fail before it counts as over. */
export interface LoopBounds {
  readonly runs: number;
  readonly windowMs: number;
  readonly quietMs: number;
}

/** Both supervisors wait a minute at most between two starts. */
export const CRASH_LOOP: LoopBounds = { runs: 3, windowMs: 5 * 60_000, quietMs: 10 * 60_000 };
/** Versions that are remembered of one service: a repair and its rollback alternate between two. */
const MAX_TOLD = 8;

/** A run of a service that failed, or the end of all tries. */
export interface Failure {
  /** What ran: an image, a configuration. */
  readonly version: string;
  /** Monotonic, in ms. */
  readonly atMs: number;
  readonly gaveUp: boolean;
}

/** What is remembered of one service. */
export interface Loop {
  readonly version: string;
  /** Failed runs of that version within the window, oldest first; as many as make a loop at most. */
  readonly failedAtMs: readonly number[];
  /** Versions whose loop has been told and is not over, by when they failed last. */
  readonly told: readonly { readonly version: string; readonly lastMs: number }[];
}

export interface LoopVerdict {
  readonly loop: Loop;
  /** A crash loop that nobody has been told of; one of the same version is told again only when it was over in between. */
  readonly found?: { readonly runs: number; readonly withinMs: number; readonly gaveUp: boolean };
}

/** Pure. */
export function afterFailure(before: Loop | undefined, { version, atMs, gaveUp }: Failure, bounds: LoopBounds = CRASH_LOOP): LoopVerdict {
  const former = before?.version === version ? before.failedAtMs : [];
  const failedAtMs = [...former.filter((at) => atMs - at < bounds.windowMs), atMs].slice(-bounds.runs);
  const known = (before?.told ?? []).filter(({ lastMs }) => atMs - lastMs < bounds.quietMs);
  const others = known.filter((one) => one.version !== version);
  const isTold = known.length > others.length;
  const isLoop = isTold || gaveUp || failedAtMs.length >= bounds.runs;
  const told = isLoop ? [...others, { version, lastMs: atMs }].slice(-MAX_TOLD) : others;
  const loop = { version, failedAtMs, told };
  if (isTold || !isLoop) return { loop };
  return { loop, found: { runs: failedAtMs.length, withinMs: atMs - (failedAtMs[0] ?? atMs), gaveUp } };
}
