import type { StackSpec } from "../../stack/spec.ts";
import type { Context } from "../context.ts";
import { loadOffline } from "../lint.ts";
import { listOption } from "../put.ts";
import type { Watched } from "./watcher.ts";

/** What is watched of a stack: what its services declare, and the files it is read from. `watching` names the services. */
export interface StackWatch {
  readonly watched: readonly Watched[];
  readonly services: readonly string[];
}

/** Undefined while the file has errors. Throws where it cannot be read at all. */
export function readStackWatch(context: Context): StackWatch | undefined {
  const { file, read, spec } = loadOffline(context, { profiles: listOption(context, "profile") });
  if (!spec) return undefined;
  const chosen = chosenOf(spec, context.args);
  const declared = Object.values(spec.services).filter(({ name, watch = [] }) => chosen.has(name) && watch.length > 0);
  const own = [...new Set([file, ...read])].map((path): Watched => ({ path, action: "apply", ignore: [] }));
  const services = declared.flatMap(({ name, watch = [] }) => watch.map((one): Watched => ({ ...one, service: name })));
  return { watched: [...own, ...services], services: declared.map(({ name }) => name) };
}

/** The named ones and all they depend on. */
function chosenOf({ services }: StackSpec, named: readonly string[]): ReadonlySet<string> {
  const chosen = new Set<string>();
  const waiting = named.length > 0 ? [...named] : Object.keys(services);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (chosen.has(name)) continue;
    chosen.add(name);
    waiting.push(...(services[name]?.dependsOn ?? []).map(({ target }) => target));
  }
  return chosen;
}
