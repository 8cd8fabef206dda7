import type { JsonObject, NewEvent, Write } from "../../kernel/event.ts";
import { messageOf } from "../../kernel/errors.ts";
import { type Queryable, rowsOf } from "../../kernel/rows.ts";
import { rangeOf } from "../../kernel/journal-topic.ts";
import type { NewPool } from "../service.ts";

const TOPIC = "pool/";

/** A pool that was registered over the API, as it is kept over restarts. */
export interface PoolRow {
  readonly pool: NewPool;
  /** It takes no tasks until somebody renews it. */
  readonly draining?: boolean;
}

/** A reload of which no end was written: the daemon that was at it has gone. */
export interface BegunReload {
  readonly pool: string;
  readonly model: string;
  /** Epoch ms. */
  readonly at: number;
}

/** What ends a reload, or makes it one of another pool. */
const OVER = "'pool.reloading', 'pool.reloaded', 'pool.reload_failed', 'pool.registered', 'pool.changed', 'pool.removed'";
const BEGUN = `SELECT ts AS at, data FROM events AS begun WHERE topic >= ? AND topic < ? AND type = 'pool.reloading' AND NOT EXISTS
  (SELECT 1 FROM events WHERE topic = begun.topic AND topic_seq > begun.topic_seq AND type IN (${OVER}))`;

/** The pools of the API in the journal's database. */
export class PoolStore {
  constructor(private readonly journal: Queryable) {}

  /** `onError` is told of rows that cannot be read. */
  all(onError: (error: unknown) => void): PoolRow[] {
    const ids = this.journal.query("SELECT id FROM inference_pools ORDER BY id") as { id: string }[];
    return ids.flatMap(({ id }) => {
      try {
        return rowsOf<PoolRow>(this.journal, "SELECT row FROM inference_pools WHERE id = ?", [id]);
      } catch (error) {
        onError(new Error(`the row of pool ${id} cannot be read: ${messageOf(error)}`));
        return [];
      }
    });
  }

  /** Of whichever source the pool is. */
  begunReloads(): BegunReload[] {
    const { low, high } = rangeOf(TOPIC);
    const found = this.journal.query(BEGUN, [low, high]) as { at: number; data: string }[];
    return found.map(({ at, data }) => ({ ...(JSON.parse(data) as { pool: string; model: string }), at }));
  }

  /** Throws `disk_full`. */
  async save(row: PoolRow, type: string): Promise<void> {
    const { id, engine, models, replicas } = row.pool;
    const sql = "INSERT INTO inference_pools (id, row) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET row = excluded.row";
    const facts = { engine, ...(models && { models }), replicas: replicas.length };
    await this.append(event(id, type, facts), { sql, params: [id, JSON.stringify(row)] });
  }

  /** Throws `disk_full`. */
  async remove(id: string): Promise<void> {
    await this.append(event(id, "pool.removed", {}), { sql: "DELETE FROM inference_pools WHERE id = ?", params: [id] });
  }

  /** Of a pool that is not the API's too. Throws `disk_full`. */
  async tell(id: string, type: string, data: JsonObject): Promise<void> {
    await this.journal.append([event(id, type, data)]);
  }

  private async append(told: NewEvent, write: Write): Promise<void> {
    await this.journal.append([told], [write]);
  }
}

function event(pool: string, type: string, data: JsonObject): NewEvent {
  return { topic: TOPIC + pool, type, data: { pool, ...data } };
}
