import type { Json, JsonObject, NewEvent, Write } from "../kernel/event.ts";
import { type Queryable, rowsOf } from "../kernel/rows.ts";
import type { Slot } from "../supervise/instance.ts";
import type { AppRow } from "./record.ts";

/** Apps in the journal's database: each change is one event plus its rows, in one transaction. */
export class AppStore {
  constructor(private readonly journal: Queryable) {}

  apps(): AppRow[] {
    return rowsOf<AppRow>(this.journal, "SELECT row FROM apps ORDER BY name");
  }

  async save(row: AppRow, type: string, data: JsonObject = {}): Promise<void> {
    await this.journal.append([appEvent(row.name, type, data)], [appWrite(row)]);
  }

  async remove(app: string): Promise<void> {
    await this.journal.append(
      [appEvent(app, "app.removed", {})],
      [
        { sql: "DELETE FROM slots WHERE stack = ?", params: [owner(app)] },
        { sql: "DELETE FROM apps WHERE name = ?", params: [app] },
      ],
    );
  }

  slots(app: string): Slot[] {
    return rowsOf<Slot>(this.journal, "SELECT row FROM slots WHERE stack = ? ORDER BY service", [owner(app)]);
  }
}

/** What the slots of an app carry as their stack: no stack can have this name. */
export function owner(app: string): string {
  return `app.${app}`;
}

export function appEvent(app: string, type: string, data: Readonly<Record<string, Json | undefined>>): NewEvent {
  const known = Object.entries(data).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return { topic: `app/${app}`, type, data: { app, ...Object.fromEntries(known) } };
}

function appWrite(row: AppRow): Write {
  return {
    sql: "INSERT INTO apps (name, row) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET row = excluded.row",
    params: [row.name, JSON.stringify(row)],
  };
}
