import type { Json, JsonObject } from "../kernel/event.ts";
import type { Context } from "./context.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";

export async function config(context: Context): Promise<undefined> {
  const found = await (await context.client()).config();
  context.io.out(context.global.json ? `${JSON.stringify(found)}\n` : `${configTable(found)}\n`);
  return undefined;
}

/** The settings with where each comes from, then the variables that name none. */
export function configTable(found: JsonObject): string {
  const settings = Array.isArray(found["settings"]) ? found["settings"].filter(isObject) : [];
  const rows = settings.map(({ setting, value, origin }) => [shown(setting), shown(value), shown(origin)]);
  const unused =
    Array.isArray(found["unused"]) && found["unused"].length > 0
      ? [`\nset, but no setting of orco: ${found["unused"].map(shown).join(", ")}`]
      : [];
  return [alignRows([["SETTING", "VALUE", "ORIGIN"], ...rows]), ...unused].join("\n");
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: Json | undefined): string {
  if (value === undefined || value === null || value === "") return "-";
  return oneLine(typeof value === "string" ? value : JSON.stringify(value));
}
