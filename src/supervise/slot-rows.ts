import type { Clock } from "../kernel/clock.ts";
import { errnoOf, OrcoError } from "../kernel/errors.ts";
import type { EventLog, Json, JsonObject, NewEvent, Write } from "../kernel/event.ts";
import type { Slot } from "./instance.ts";
import type { SlotEvent } from "./supervised.ts";

/** How often rows that a full disk kept back are tried again. */
const RETRY_MS = 1000;

interface SlotRowsOptions {
  readonly journal: EventLog;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** The event of a change: topic and data are the product's. */
  readonly eventOf: (slot: Slot, event: SlotEvent) => NewEvent;
}

/** Slots in the journal's database. Rows never get lost: what cannot be written now is written when it can. */
export class SlotRows {
  private readonly pending = new Map<string, Slot>();
  private retrying = false;

  constructor(private readonly options: SlotRowsOptions) {}

  /** Throws `disk_full`. `more` is committed with it. */
  async add(slot: Slot, more: readonly Write[] = []): Promise<void> {
    const { journal, eventOf } = this.options;
    await journal.append([eventOf(slot, { type: "instance.created", from: "Pending" })], [...more, slotInsert(slot)]);
  }

  async remove(slot: Slot, more: readonly Write[] = []): Promise<void> {
    this.pending.delete(slot.id);
    const { journal, eventOf } = this.options;
    const gone: Write = { sql: "DELETE FROM slots WHERE id = ?", params: [slot.id] };
    await journal.append([eventOf(slot, { type: "instance.removed", from: slot.state })], [gone, ...more]);
  }

  /** Never rejects: supervision goes on over a full disk, and the row follows when there is room. */
  async record(slot: Slot, event: SlotEvent): Promise<void> {
    // What waits of this slot is older than this: it must not be written after it.
    this.pending.delete(slot.id);
    try {
      await this.options.journal.append([this.options.eventOf(slot, event)], [slotUpdate(slot)]);
      this.pending.delete(slot.id);
    } catch (error) {
      this.options.onError(error);
      this.pending.set(slot.id, slot);
      void this.retry();
    }
  }

  private async retry(): Promise<void> {
    if (this.retrying) return;
    this.retrying = true;
    while (this.pending.size > 0) {
      await this.options.clock.sleep(RETRY_MS);
      const slots = [...this.pending.values()];
      try {
        await this.options.journal.append([], slots.map(slotUpdate));
        for (const slot of slots) if (this.pending.get(slot.id) === slot) this.pending.delete(slot.id);
      } catch (error) {
        const known = (error instanceof OrcoError && error.code === "disk_full") || errnoOf(error) === "ENOSPC";
        if (!known) this.options.onError(error);
      }
    }
    this.retrying = false;
  }
}

/** What every event of a slot tells, whoever it belongs to. */
export function slotFacts(slot: Slot, event: SlotEvent): JsonObject {
  const data: Record<string, Json | undefined> = {
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
  return Object.fromEntries(Object.entries(data).filter((entry): entry is [string, Json] => entry[1] !== undefined));
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
