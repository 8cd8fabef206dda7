import type { Write } from "../../kernel/event.ts";
import type { RunRecord } from "../record.ts";
import { dispatchId } from "./names.ts";

/** What the book writes in the transaction in which a run of mode redis gets a new dispatch number; the dispatcher removes it when Redis has the job. */
export function dispatchWrites(run: Pick<RunRecord, "id" | "dispatch">, now: number): Write[] {
  const row = { run: run.id, dispatch: run.dispatch };
  return [
    {
      sql: "INSERT OR IGNORE INTO outbox (id, kind, run, due_at, row) VALUES (?, 'redis', ?, ?, ?)",
      params: [dispatchId(run), run.id, now, JSON.stringify(row)],
    },
  ];
}

/** Redis has its job. */
export function dispatchedWrites(run: Pick<RunRecord, "id">): Write[] {
  return [{ sql: "DELETE FROM outbox WHERE kind = 'redis' AND run = ?", params: [run.id] }];
}
