/** A container that has ended or is just being started again, as docker tells of it. */
export interface Ended {
  readonly status: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** RestartPolicy of the container. */
  readonly policy: string;
  /** 0: no bound. */
  readonly maxRetries: number;
  readonly restartCount: number;
}

export interface Death {
  /** No more failures are needed to call it a loop. */
  readonly gaveUp: boolean;
  readonly how: string;
}

/** Docker starts it anew so often before a look at it alone tells. */
const RESTARTS = 3;

/** Of one that ended by itself just now. Undefined: it has done its work, and nobody starts it again. */
export function deathOf(ended: Ended): Death | undefined {
  const { exitCode, policy, maxRetries, restartCount, status } = ended;
  const again = policy === "always" || policy === "unless-stopped";
  if (exitCode === 0 && !again) return undefined;
  const gaveUp = policy === "on-failure" && maxRetries > 0 && restartCount >= maxRetries && status === "exited";
  return { gaveUp, how: gaveUp ? `${howOf(ended)}, and is not started again` : howOf(ended) };
}

/** Of one that is seen without having been watched: only what is plainly a loop, or the end of one. */
export function loopAtSight(ended: Ended): Death | undefined {
  const { status, restartCount } = ended;
  const death = deathOf(ended);
  if (!death) return undefined;
  if (death.gaveUp) return death;
  return status === "restarting" && restartCount >= RESTARTS
    ? { gaveUp: true, how: `${death.how}, after docker started it anew ${restartCount} times` }
    : undefined;
}

function howOf({ exitCode, oomKilled }: Ended): string {
  return oomKilled ? "a kill for want of memory" : `exit code ${exitCode}`;
}
