import { Transport } from "../client/transport.ts";
import type { Clock } from "../kernel/clock.ts";
import { type Facts, messageOf, OrcoError } from "../kernel/errors.ts";
import { insist, mayPass } from "./insist.ts";

interface Daemon {
  readonly url: string;
  readonly key?: string;
  readonly clock: Clock;
  /** Said while the worker waits: at the first failure, then once a minute, and when the daemon answers. */
  readonly warn: (message: string, facts: Facts) => void;
}

const WARN_EVERY_MS = 60_000;

/** Name of the daemon's queue in Redis. Waits until the daemon answers; `unauthorized`, `config` (it uses no Redis), or the signal's reason. */
export async function daemonQueue(daemon: Daemon, signal: AbortSignal): Promise<string> {
  const { url, key, clock } = daemon;
  const transport = new Transport({ url, ...(key !== undefined && { apiKey: key }) }, clock);
  const wait = new Wait(daemon, signal);
  const { queue } = await wait.for(() => transport.json<{ queue?: string }>("/version", { signal }));
  if (queue === undefined)
    throw new OrcoError("config", `the daemon at ${url} hands out no runs: start it with REDIS_URL`, { name: "REDIS_URL" });
  // What the key opens: one that is wrong would take jobs and never claim a run.
  await wait.for(() => transport.json("/runs", { query: { limit: 1 }, signal }));
  wait.over();
  return queue;
}

/** Says what is waited for, seldom. */
class Wait {
  private saidAt: number | undefined;

  constructor(
    private readonly daemon: Daemon,
    private readonly signal: AbortSignal,
  ) {}

  for<T>(ask: () => Promise<T>): Promise<T> {
    return insist(this.daemon.clock, this.signal, () =>
      ask().catch((error: unknown) => {
        if (mayPass(error) && !this.signal.aborted) this.say(error);
        throw error;
      }),
    );
  }

  over(): void {
    const { url, warn } = this.daemon;
    if (this.saidAt !== undefined) warn("the daemon answers", { api: url });
  }

  private say(error: unknown): void {
    const { clock, url, warn } = this.daemon;
    const now = clock.monotonic();
    if (this.saidAt !== undefined && now - this.saidAt < WARN_EVERY_MS) return;
    this.saidAt = now;
    const next = "the worker tries again until it answers: start the daemon, or give its address with --api or ORCO_API_URL";
    warn(`no runs from the daemon at ${url}; ${next}`, { api: url, error: messageOf(error) });
  }
}
