import { join, relative } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { isBelow } from "./inside.ts";
import { sectionOf } from "./render.ts";
import { list, text } from "./service-config.ts";

/** What would change something that others read: tags of the image, and caches that are written. */
const LEFT_OUT: ReadonlySet<string> = new Set(["tags", "cache_to"]);

export interface TrialPlace {
  readonly service: string;
  readonly workspace: string;
  /** The copy of the workspace. */
  readonly root: string;
  readonly image: string;
  /** Follows symbolic links. */
  readonly real: (path: string) => string;
}

/** A compose file that builds one service in the copy, under a name of its own. Undefined where there is nothing to build. */
export function trialConfig(config: JsonObject, { service, workspace, root, image, real }: TrialPlace): JsonObject | undefined {
  const build = sectionOf(config, "services").get(service)?.["build"];
  if (!isJsonObject(build)) return undefined;
  const moved = (value: Json | undefined): Json | undefined => {
    const named = text(value);
    const path = named?.startsWith("/") === true ? real(named) : undefined;
    if (path === undefined || !isBelow(path, workspace)) return value;
    // Its dollars are doubled again.
    return join(root, relative(workspace, path)).replaceAll("$", "$$$$");
  };
  const entries = Object.entries(build).flatMap(([key, value]): [string, Json | undefined][] => {
    if (LEFT_OUT.has(key)) return [];
    if (key === "context" || key === "dockerfile") return [[key, moved(value)]];
    if (key !== "additional_contexts" || !isJsonObject(value)) return [[key, value]];
    return [[key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, moved(one) ?? null]))]];
  });
  const secrets = list(build["secrets"]).flatMap((one) => text(one) ?? (isJsonObject(one) ? (text(one["source"]) ?? []) : []));
  const all = sectionOf(config, "secrets");
  const used = secrets.flatMap((name) => (all.has(name) ? [[name, all.get(name) as JsonObject] as const] : []));
  return {
    ...(config["version"] !== undefined && { version: config["version"] }),
    services: { [service]: { image, build: Object.fromEntries(entries) as JsonObject } },
    ...(used.length > 0 && { secrets: Object.fromEntries(used) }),
  };
}
