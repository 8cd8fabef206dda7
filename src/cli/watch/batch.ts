/** No change for so long: whoever writes has finished. */
const QUIET_MS = 300;
/** Somebody who never stops writing waits no longer than this. */
const LIMIT_MS = 2000;
/** While Git changes the working tree, what it does is one change; an index.lock that is left over does not hold for longer. */
const GIT_MS = 10_000;

export interface Burst {
  /** Of its first and its last change, on one monotonic clock. */
  readonly firstAt: number;
  readonly lastAt: number;
}

/** How long until the changes are acted on; 0: now. */
export function restMs({ firstAt, lastAt }: Burst, { now, gitIsBusy }: { now: number; gitIsBusy: boolean }): number {
  const quietMs = lastAt + QUIET_MS - now;
  const limitMs = firstAt + (gitIsBusy ? GIT_MS : LIMIT_MS) - now;
  return Math.max(0, Math.min(gitIsBusy ? Math.max(quietMs, QUIET_MS) : quietMs, limitMs));
}
