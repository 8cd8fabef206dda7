import { Transport } from "../client/transport.ts";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { insist } from "./insist.ts";

/** Name of the daemon's queue in Redis. Waits until the daemon answers; `unauthorized`, `config` (it uses no Redis), or the signal's reason. */
export async function daemonQueue(target: { url: string; key?: string; clock: Clock }, signal: AbortSignal): Promise<string> {
  const { url, key, clock } = target;
  const transport = new Transport({ url, ...(key !== undefined && { apiKey: key }) }, clock);
  const { queue } = await insist(clock, signal, () => transport.json<{ queue?: string }>("/version", { signal }));
  if (queue === undefined)
    throw new OrcoError("config", `the daemon at ${url} hands out no runs: start it with REDIS_URL`, { name: "REDIS_URL" });
  // What the key opens: one that is wrong would take jobs and never claim a run.
  await insist(clock, signal, () => transport.json("/runs", { query: { limit: 1 }, signal }));
  return queue;
}
