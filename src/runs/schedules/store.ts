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

type What = "created" | "changed" | "fired" | "skipped" | "missed" | "failed" | "removed";

/**
 * `schedule.created` and `changed` {cron, timezone, enabled?}, `fired` {at, runId}, `skipped` {at, reason}, `missed` {count, from, to}, `failed` {at, code, message},
 * `removed`. Those of a stack are events of that stack, with its service.
 */
export function scheduleEvent({ id, of }: Pick<ScheduleRecord, "id" | "of">, what: What, data: JsonObject = {}): NewEvent {
  const topic = of ? `stack/${of.stack}` : `schedule/${id}`;
  return { topic, type: `schedule.${what}`, data: { scheduleId: id, ...(of && { stack: of.stack, service: of.service }), ...data } };
}

export function noSchedule(id: string): OrcoError {
  return new OrcoError("not_found", `there is no schedule ${id}`, { schedule: id });
}
