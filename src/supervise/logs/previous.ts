import { FLAG, NO_INSTANCE } from "./entry.ts";
import { backwards } from "./scan.ts";
import type { ServiceLog } from "./service-log.ts";

/**
 * The last ended run of each replica, as instance keys. A run has ended when the log says so, or when a later instance
 * took its replica while nobody reads it any more (the daemon was killed before it could note the end).
 */
export function previousRuns(log: ServiceLog): Set<string> {
  const attached = log.attached();
  const newest = new Map<number, string>();
  const runs = new Map<number, string>();
  for (const span of backwards(log.segments)) {
    if (span.instance === NO_INSTANCE || span.flags & FLAG.snapshot || runs.has(span.replica)) continue;
    const latest = newest.get(span.replica);
    const ended = (span.flags & FLAG.ended) !== 0 || (latest !== undefined && latest !== span.instance && !attached.has(span.instance));
    if (ended) runs.set(span.replica, span.instance);
    else newest.set(span.replica, latest ?? span.instance);
  }
  return new Set(runs.values());
}
