import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { readTextFile } from "../../kernel/read-text.ts";
import { isBelow } from "./inside.ts";
import type { Refused } from "./policy.ts";
import { list } from "./service-config.ts";

const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Files that one project is made of. */
const MAX_FILES = 100;

export interface SourcePlace {
  readonly workspace: string;
  readonly real: (path: string) => string;
  readonly read?: (path: string) => string;
}

/** Files outside the project that its compose files take in by `include` or `extends`: those are not the project's to repair. */
export function outsideSources(
  files: readonly string[],
  { workspace, real, read = (path) => readTextFile(path, MAX_FILE_BYTES) }: SourcePlace,
): Refused[] {
  const refused: Refused[] = [];
  const seen = new Set<string>();
  const open = files.map((path) => ({ path, pointer: "" }));
  for (let next = open.shift(); next && seen.size < MAX_FILES; next = open.shift()) {
    const path = real(next.path);
    if (seen.has(path)) continue;
    seen.add(path);
    if (isBelow(path, workspace)) open.push(...takenIn(path, read));
    else refused.push({ pointer: next.pointer, detail: `${next.path} lies outside the project: copy it into the project` });
  }
  return refused;
}

function takenIn(file: string, read: (path: string) => string): { path: string; pointer: string }[] {
  const root = contentOf(file, read);
  const at = (path: string): string => resolve(dirname(file), path);
  const included = list(root["include"]).flatMap((one, index) =>
    pathsOf(one).map((path) => ({ path: at(path), pointer: `/include/${index}` })),
  );
  const services = isJsonObject(root["services"]) ? Object.entries(root["services"]) : [];
  const extended = services.flatMap(([name, service]) => {
    const from = isJsonObject(service) && isJsonObject(service["extends"]) ? service["extends"]["file"] : undefined;
    return typeof from === "string" ? [{ path: at(from), pointer: `/services/${name}/extends/file` }] : [];
  });
  return [...included, ...extended];
}

function pathsOf(entry: Json): string[] {
  const path = isJsonObject(entry) ? entry["path"] : entry;
  // What is fetched from elsewhere is not a path.
  return [path, ...list(path)].filter((one): one is string => typeof one === "string" && !/^[a-z][a-z0-9+.-]*:/i.test(one));
}

/** Empty for what cannot be read: compose says so itself. */
function contentOf(file: string, read: (path: string) => string): JsonObject {
  try {
    const content: unknown = parse(read(file), { logLevel: "silent" });
    return isJsonObject(content as Json) ? (content as JsonObject) : {};
  } catch {
    return {};
  }
}
