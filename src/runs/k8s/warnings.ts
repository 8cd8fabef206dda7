import type { Cluster } from "./cluster.ts";

interface EventList {
  readonly items?: readonly {
    readonly reason?: string;
    readonly message?: string;
    readonly lastTimestamp?: string;
    readonly eventTime?: string;
  }[];
}

const MAX_EVENTS = "20";
const MAX_MESSAGE_CHARS = 500;

/** Its newest warning, e.g. that a quota allows no pod. Undefined when there is none, or none can be read: events are a courtesy. */
export async function warningOf(cluster: Cluster, uid: string): Promise<string | undefined> {
  const query = { fieldSelector: `involvedObject.uid=${uid},type=Warning`, limit: MAX_EVENTS };
  const list = await cluster.client.json<EventList>({ path: cluster.path("events"), query }).catch(() => undefined);
  const time = (event: NonNullable<EventList["items"]>[number]): string => event.lastTimestamp ?? event.eventTime ?? "";
  const newest = list?.items?.toSorted((a, b) => time(b).localeCompare(time(a)))[0];
  return newest && `${newest.reason}: ${newest.message}`.replace(/\s+/g, " ").slice(0, MAX_MESSAGE_CHARS);
}
