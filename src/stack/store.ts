import type { Clock } from "../kernel/clock.ts";
import type { JsonObject, NewEvent, Write } from "../kernel/event.ts";
import { type Queryable, rowsOf } from "../kernel/rows.ts";
import type { Slot } from "../supervise/instance.ts";
import { slotFacts, SlotRows } from "../supervise/slot-rows.ts";
import type { SlotEvent } from "../supervise/supervised.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import type { UpdateRow } from "./updates.ts";

/** A stack as stored: its desired spec and what its children inherit. */
export interface StackRecord {
  readonly spec: StackSpec;
  /** PATH, HOME, LANG, TZ, TMPDIR of whoever applied it. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** It has, or has had, containers: docker may hold something of it. */
  readonly containers?: boolean;
}

/** Stacks and slots in the journal's database. */
export class StackStore {
  private readonly slotRows: SlotRows;

  constructor(
    private readonly journal: Queryable,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {
    this.slotRows = new SlotRows({ journal, clock, onError, eventOf: slotEvent });
  }

  stacks(): StackRecord[] {
    return rowsOf<StackRecord>(this.journal, "SELECT spec AS row FROM stacks ORDER BY name");
  }

  slots(stack: string): Slot[] {
    return rowsOf<Slot>(this.journal, "SELECT row FROM slots WHERE stack = ? ORDER BY service, replica, id", [stack]);
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

  /** An event of the stack as a whole. Never rejects. */
  tell(stack: string, type: string, data: JsonObject): void {
    this.journal.append([stackEvent(stack, type, data)]).catch(this.onError);
  }

  async addSlot(slot: Slot, spec: ServiceSpec): Promise<void> {
    const keep: Write = {
      sql: "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
      params: [specKey(slot.stack, slot.config), JSON.stringify(spec)],
    };
    await this.slotRows.add(slot, [keep]);
  }

  async removeSlot(slot: Slot): Promise<void> {
    const unused: Write = {
      sql: `DELETE FROM meta WHERE key = ?
            AND NOT EXISTS (SELECT 1 FROM slots WHERE stack = ? AND service = ? AND json_extract(row, '$.config') = ?)`,
      params: [specKey(slot.stack, slot.config), slot.stack, slot.service, slot.config],
    };
    await this.slotRows.remove(slot, [unused]);
  }

  /** Never rejects: supervision goes on over a full disk, and the row follows when there is room. */
  record(slot: Slot, event: SlotEvent): Promise<void> {
    return this.slotRows.record(slot, event);
  }
}

function specKey(stack: string, config: string): string {
  return `spec/${stack}/${config}`;
}

function updateKey(stack: string, service: string): string {
  return `update/${stack}/${service}`;
}

function stackEvent(stack: string, type: string, data: JsonObject): NewEvent {
  return { topic: `stack/${stack}`, type, data: { stack, ...data } };
}

function slotEvent(slot: Slot, event: SlotEvent): NewEvent {
  const { service, replica } = slot;
  return stackEvent(slot.stack, event.type, { service, replica, ...slotFacts(slot, event) });
}
