import type { RepairClient } from "../client/repair.ts";
import { clockTime } from "../terminal/clock-time.ts";
import { targetText } from "./repair-text.ts";

/** Most repairs begin sooner; of those nobody has to know that they were queued. */
const PATIENCE_MS = 500;
const NEWEST = 50;

type Asked = Pick<RepairClient, "get" | "list">;

/** Says why a repair that is watched does not begin, where it does not do so soon. The caller ends it with what is returned. */
export function sayWhyQueued(client: Asked, id: string, say: (text: string) => void): () => void {
  let isOver = false;
  const timer = setTimeout(() => {
    queuedText(client, id).then(
      (text) => {
        if (text !== undefined && !isOver) say(text);
      },
      // The daemon is away; the events tell the rest.
      () => undefined,
    );
  }, PATIENCE_MS);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** Undefined where it is not queued. */
async function queuedText(client: Asked, id: string): Promise<string | undefined> {
  const run = await client.get(id);
  if (run.status !== "queued") return undefined;
  const at = `${clockTime(run.queued_at)} queued  `;
  const others = (await client.list({ service: targetText(run), limit: NEWEST })).runs.filter(({ run_id: one }) => one !== id);
  const open = others.filter(({ completed_at: ended }) => ended === null);
  const first = open.find(({ status }) => status !== "queued") ?? open.at(-1);
  if (first?.status === "awaiting_approval")
    return `${at} behind ${first.run_id}, which waits for an approval: orco approve ${first.run_id}, or orco repair cancel ${first.run_id}`;
  if (first) return `${at} behind ${first.run_id}, which is ${first.status}`;
  const last = others[0]?.completed_at;
  if (typeof last !== "string") return `${at} other runs are under way: orco runs`;
  return `${at} the last repair of ${targetText(run)} ended at ${clockTime(last)}; there is a pause between two (ORCO_REPAIR_COOLDOWN_MS)`;
}
