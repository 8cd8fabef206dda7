import { drawnOnce } from "../../kernel/drawn-once.ts";
import type { Queryable } from "../../kernel/rows.ts";

/** Names in Redis. Each home has a queue of its own, so that daemons that share a Redis do not take each other's runs. */

/** `home`: `homeId`. BullMQ refuses a colon. */
export function queueName(home: string): string {
  return `orco-runs-${home}`;
}

/** Of one dispatch of a run, of its BullMQ job and of its row in the outbox: `run-<id>-d<n>`. */
export function dispatchId(run: { readonly id: string; readonly dispatch: number }): string {
  return `run-${run.id}-d${run.dispatch}`;
}

/** The run of a `dispatchId`; the text itself where it is none. */
export function runOfDispatch(id: string): string {
  return /^run-(.+)-d\d+$/.exec(id)?.[1] ?? id;
}

const HOME_ID = "home_id";

/** A random name of this home, drawn once: 12 hex digits. */
export function homeId(journal: Pick<Queryable, "append" | "query">): Promise<string> {
  return drawnOnce(journal, HOME_ID, () => crypto.randomUUID().replaceAll("-", "").slice(0, 12));
}
