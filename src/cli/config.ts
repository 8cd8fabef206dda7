import type { Json, JsonObject } from "../kernel/event.ts";
import type { Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { oneLine } from "./sanitize.ts";
import { alignRows } from "./table.ts";

export async function config(context: Context): Promise<undefined> {
  if (context.args[0] !== "show") throw usageError(`config has one action, show: orco config show`);
  const found = await (await context.client()).config();
  context.io.out(context.global.json ? `${JSON.stringify(found)}\n` : `${configTable(found)}\n`);
  return undefined;
}

/** NAME, VALUE and where it comes from. */
export function configTable(found: JsonObject): string {
  const rows = Object.entries(found).map(([name, entry]) => {
    const { value, origin } = isObject(entry) ? entry : { value: entry, origin: undefined };
    return [name, shown(value ?? null), shown(origin ?? "")];
  });
  return alignRows([["NAME", "VALUE", "ORIGIN"], ...rows]);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "value" in value;
}

function shown(value: Json): string {
  if (value === null) return "-";
  return oneLine(typeof value === "string" ? value : JSON.stringify(value));
}
