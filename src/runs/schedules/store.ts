import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject, NewEvent, Write } from "../../kernel/event.ts";
import { type Queryable, rowsOf } from "../../kernel/rows.ts";
import type { ScheduleRecord } from "./record.ts";

export function readSchedules(journal: Queryable): ScheduleRecord[] {
  return rowsOf<ScheduleRecord>(journal, "SELECT row FROM schedules ORDER BY id");
}

export function insertWrite(record: ScheduleRecord): Write {
  return { sql: "INSERT INTO schedules (id, row) VALUES (?, ?)", params: [record.id, JSON.stringify(record)] };
}

export function updateWrite(record: ScheduleRecord): Write {
  return { sql: "UPDATE schedules SET row = ? WHERE id = ?", params: [JSON.stringify(record), record.id] };
}

export function deleteWrite(id: string): Write {
  return { sql: "DELETE FROM schedules WHERE id = ?", params: [id] };
}

/** `schedule.created`, `schedule.fired` {at, runId}, `schedule.missed` {count, from, to}, `schedule.failed` {at, code, message}, `schedule.removed`. */
export function scheduleEvent(id: string, what: "created" | "fired" | "missed" | "failed" | "removed", data: JsonObject = {}): NewEvent {
  return { topic: `schedule/${id}`, type: `schedule.${what}`, data: { scheduleId: id, ...data } };
}

export function noSchedule(id: string): OrcoError {
  return new OrcoError("not_found", `there is no schedule ${id}`, { schedule: id });
}
