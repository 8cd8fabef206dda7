import type { EventView } from "../../src/client/wire.ts";

export interface Bounds {
  readonly leastReady: number;
  readonly mostLive: number;
}

/** Ready and live instances of a service after each transition since `seq`, from the events alone. */
export function boundsOf(history: readonly EventView[], service: string, since: number): Bounds {
  const slots = new Map<unknown, { ready: boolean }>();
  let [leastReady, mostLive] = [Infinity, 0];
  for (const event of history.filter((one) => one.service === service && one.type.startsWith("instance."))) {
    if (event.type === "instance.removed") slots.delete(event["slot"]);
    else slots.set(event["slot"], { ready: event["ready"] === true && event["state"] === "Running" });
    if (event.seq <= since) continue;
    leastReady = Math.min(leastReady, [...slots.values()].filter(({ ready }) => ready).length);
    mostLive = Math.max(mostLive, slots.size);
  }
  return { leastReady, mostLive };
}
