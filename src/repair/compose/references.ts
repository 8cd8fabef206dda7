import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { meant } from "./service-config.ts";

const NAME = "ORCO_REF_";

/** Where a value that is not written down stood. */
export interface Reference {
  /** The variable that stands there now. */
  readonly variable: string;
  readonly path: readonly (string | number)[];
}

export interface Referenced {
  readonly config: JsonObject;
  readonly references: readonly Reference[];
  /** By variable: the secrets. */
  readonly values: Readonly<Record<string, string>>;
}

/** A rendered file with a variable instead of every text that has a secret in it. `clean` takes secrets out of a text. */
export function withReferences(config: JsonObject, clean: (text: string) => string): Referenced {
  const references: Reference[] = [];
  const values: Record<string, string> = {};
  const walk = (value: Json, path: readonly (string | number)[]): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map((one, index) => walk(one, [...path, index]));
    if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one, [...path, key])]));
    if (typeof value !== "string" || clean(meant(value)) === meant(value)) return value;
    const variable = `${NAME}${references.length}`;
    references.push({ variable, path });
    values[variable] = meant(value);
    return `\${${variable}}`;
  };
  return { config: walk(config, []) as JsonObject, references, values };
}

/** What stands at the path in another rendering; undefined where that is no text. */
export function valueAt(config: JsonObject, path: readonly (string | number)[]): string | undefined {
  const found = path.reduce<Json | undefined>((at, key) => {
    if (Array.isArray(at) && typeof key === "number") return (at as readonly Json[])[key];
    return isJsonObject(at) ? at[String(key)] : undefined;
  }, config);
  return typeof found === "string" ? meant(found) : undefined;
}
