import type { Clock } from "../kernel/clock.ts";
import { errnoOf, OrcoError } from "../kernel/errors.ts";
import type { EventLog, Json, JsonObject, NewEvent, Write } from "../kernel/event.ts";
import type { Slot } from "../supervise/instance.ts";
import type { SlotEvent } from "../supervise/supervised.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import type { UpdateRow } from "./updates.ts";

/** A stack as stored: its desired spec and what its children inherit. */
export interface StackRecord {
  readonly spec: StackSpec;
  /** PATH, HOME, LANG, TZ, TMPDIR of whoever applied it. */
  readonly baseEnv: Readonly<Record<string, string>>;
}

interface Rows {
  query(sql: string, params?: readonly (string | number | null)[]): unknown[];
}

/** How often rows that a full disk kept back are tried again. */
const RETRY_MS = 1000;

/** Stacks and slots in the journal's database. Slot rows never get lost: what cannot be written now is written when it can. */
export class StackStore {
  private readonly pending = new Map<string, Slot>();
  private retrying = false;

  constructor(
    private readonly journal: EventLog & Rows,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  stacks(): StackRecord[] {
    return this.rows<StackRecord>("SELECT spec AS row FROM stacks ORDER BY name");
  }

  slots(stack: string): Slot[] {
    return this.rows<Slot>("SELECT row FROM slots WHERE stack = ? ORDER BY service, replica, id", [stack]);
  }

  /** The spec that an instance of an earlier apply still runs. */
  oldSpec(stack: string, config: string): ServiceSpec | undefined {
    const found = this.journal.query("SELECT value AS row FROM meta WHERE key = ?", [specKey(stack, config)]) as { row: string }[];
    return found[0] && (JSON.parse(found[0].row) as ServiceSpec);
  }

  /** Updates of services that are under way. */
  updates(stack: string): { service: string; row: UpdateRow }[] {
    const prefix = updateKey(stack, "");
    const found = this.journal.query("SELECT key, value FROM meta WHERE key LIKE ?", [`${prefix}%`]) as { key: string; value: string }[];
    return found.map(({ key, value }) => ({ service: key.slice(prefix.length), row: JSON.parse(value) as UpdateRow }));
  }

  /** Throws `disk_full`. */
  async saveUpdate(stack: string, service: string, row: UpdateRow): Promise<void> {
    const { strategy, phase, run, decision } = row;
    const data = { service, strategy, phase, run, ...(decision && { decision }) };
    const sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    await this.journal.append(
      [stackEvent(stack, "update.phase", data)],
      [{ sql, params: [updateKey(stack, service), JSON.stringify(row)] }],
    );
  }

  /** Throws `disk_full`. */
  async removeUpdate(stack: string, service: string): Promise<void> {
    await this.journal.append([], [{ sql: "DELETE FROM meta WHERE key = ?", params: [updateKey(stack, service)] }]);
  }

  /** Throws `disk_full`: a change that cannot be remembered is refused. */
  async saveStack(record: StackRecord, type: string, data: JsonObject): Promise<void> {
    const { name, file } = record.spec;
    const now = this.clock.now();
    const write: Write = {
      sql: `INSERT INTO stacks (name, spec, file, desired, revision, created_at, updated_at) VALUES (?, ?, ?, 'up', 1, ?, ?)
            ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, file = excluded.file, revision = revision + 1, updated_at = excluded.updated_at`,
      params: [name, JSON.stringify(record), file ?? null, now, now],
    };
    await this.journal.append([stackEvent(name, type, data)], [write]);
  }

  async removeStack(name: string): Promise<void> {
    await this.journal.append(
      [stackEvent(name, "stack.removed", {})],
      [
        { sql: "DELETE FROM slots WHERE stack = ?", params: [name] },
        { sql: "DELETE FROM stacks WHERE name = ?", params: [name] },
        { sql: "DELETE FROM meta WHERE key LIKE ?", params: [`${specKey(name, "")}%`] },
        { sql: "DELETE FROM meta WHERE key LIKE ?", params: [`${updateKey(name, "")}%`] },
      ],
    );
  }

  async addSlot(slot: Slot, spec: ServiceSpec): Promise<void> {
    const keep: Write = {
      sql: "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
      params: [specKey(slot.stack, slot.config), JSON.stringify(spec)],
    };
    await this.journal.append([slotEvent(slot, { type: "instance.created", from: "Pending" })], [keep, slotInsert(slot)]);
  }

  async removeSlot(slot: Slot): Promise<void> {
    this.pending.delete(slot.id);
    const gone: Write = { sql: "DELETE FROM slots WHERE id = ?", params: [slot.id] };
    const unused: Write = {
      sql: `DELETE FROM meta WHERE key = ?
            AND NOT EXISTS (SELECT 1 FROM slots WHERE stack = ? AND service = ? AND json_extract(row, '$.config') = ?)`,
      params: [specKey(slot.stack, slot.config), slot.stack, slot.service, slot.config],
    };
    await this.journal.append([slotEvent(slot, { type: "instance.removed", from: slot.state })], [gone, unused]);
  }

  /** Never rejects: supervision goes on over a full disk, and the row follows when there is room. */
  async record(slot: Slot, event: SlotEvent): Promise<void> {
    // What waits of this slot is older than this: it must not be written after it.
    this.pending.delete(slot.id);
    try {
      await this.journal.append([slotEvent(slot, event)], [slotUpdate(slot)]);
      this.pending.delete(slot.id);
    } catch (error) {
      this.onError(error);
      this.pending.set(slot.id, slot);
      void this.retry();
    }
  }

  private async retry(): Promise<void> {
    if (this.retrying) return;
    this.retrying = true;
    while (this.pending.size > 0) {
      await this.clock.sleep(RETRY_MS);
      const slots = [...this.pending.values()];
      try {
        await this.journal.append([], slots.map(slotUpdate));
        for (const slot of slots) if (this.pending.get(slot.id) === slot) this.pending.delete(slot.id);
      } catch (error) {
        const known = (error instanceof OrcoError && error.code === "disk_full") || errnoOf(error) === "ENOSPC";
        if (!known) this.onError(error);
      }
    }
    this.retrying = false;
  }

  private rows<T>(sql: string, params: readonly (string | number | null)[] = []): T[] {
    return (this.journal.query(sql, params) as { row: string }[]).map(({ row }) => JSON.parse(row) as T);
  }
}

function specKey(stack: string, config: string): string {
  return `spec/${stack}/${config}`;
}

function updateKey(stack: string, service: string): string {
  return `update/${stack}/${service}`;
}

function slotInsert(slot: Slot): Write {
  return {
    sql: "INSERT INTO slots (id, stack, service, replica, row) VALUES (?, ?, ?, ?, ?)",
    params: [slot.id, slot.stack, slot.service, slot.replica, JSON.stringify(slot)],
  };
}

/** Never brings back a slot that was removed. */
function slotUpdate(slot: Slot): Write {
  return { sql: "UPDATE slots SET row = ? WHERE id = ?", params: [JSON.stringify(slot), slot.id] };
}

function stackEvent(stack: string, type: string, data: JsonObject): NewEvent {
  return { topic: `stack/${stack}`, type, data: { stack, ...data } };
}

function slotEvent(slot: Slot, event: SlotEvent): NewEvent {
  const data: Record<string, Json | undefined> = {
    stack: slot.stack,
    service: slot.service,
    replica: slot.replica,
    slot: slot.id,
    instance: slot.instance,
    from: event.from,
    state: slot.state,
    ready: slot.ready,
    reason: slot.reason,
    message: event.detail ?? slot.message,
    restarts: slot.restarts,
    pid: slot.pid,
    exit: slot.exit === undefined ? undefined : { ...slot.exit },
  };
  const known = Object.entries(data).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return { topic: `stack/${slot.stack}`, type: event.type, data: Object.fromEntries(known) };
}
