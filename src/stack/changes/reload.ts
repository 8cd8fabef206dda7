import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { Workflow } from "../../workflow/define.ts";
import { serviceOf } from "../graph.ts";
import type { ServiceSpec } from "../spec.ts";
import type { StackHost } from "./host.ts";
import { replace } from "./replace.ts";

/** Variables and labels of a service that are to be others; null takes one away. The next apply of a file replaces them. */
export interface ReloadChange {
  readonly env: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string | null>>;
}

interface ReloadInput extends ReloadChange {
  readonly stack: string;
  readonly service: string;
}

/**
 * Runs of kind `reload`: the instances of a service are replaced by ones with other variables. The former ones serve until the new ones are ready, and on if
 * they never are. Throws `unsupported` where the service's update strategy cannot keep that.
 */
export function reloadWorkflow(host: StackHost): Workflow {
  return async (context, input) => {
    const { stack: name, service, ...change } = input as unknown as ReloadInput;
    const stack = host.find(name);
    if (!stack) throw new OrcoError("not_found", `stack ${name} is not up`, { stack: name });
    const target = (await context.step("reload", async () => {
      const changed = changedSpec(serviceOf(stack.record.spec, service), change, { stack: name, service });
      await host.desireService(name, changed, "stack.reloaded");
      return changed as unknown as JsonObject;
    })) as unknown as ServiceSpec;
    const from = stack.outdated(target);
    const stopped = stack.supervisorsOf(service).every(({ slot }) => slot.wanted === "stop");
    const wanted = stopped ? "stop" : "run";
    if (from)
      await replace(host, context, { stack, from, target: { ...target, update: { ...target.update, autoRollback: true } }, wanted });
    return { stack: name, service };
  };
}

function changedSpec(spec: ServiceSpec | undefined, { env, labels }: ReloadChange, place: { stack: string; service: string }): ServiceSpec {
  const { stack, service } = place;
  if (!spec) throw new OrcoError("not_found", `stack ${stack} has no service ${service}`, place);
  const { strategy, maxSurge, maxUnavailable } = spec.update;
  const isGapless = strategy !== "recreate" && (strategy !== "rolling" || maxSurge > 0 || spec.replicas > maxUnavailable);
  if (!isGapless)
    throw new OrcoError(
      "unsupported",
      `${service} ends before its successor is ready (update.strategy ${strategy}, maxSurge ${maxSurge}); give it no host port of its own, or update.strategy rolling, and apply`,
      place,
    );
  return { ...spec, env: merged(spec.env, env), labels: merged(spec.labels, labels) };
}

function merged(own: Readonly<Record<string, string>>, other: Readonly<Record<string, string | null>>): Record<string, string> {
  const values = Object.entries({ ...own, ...other });
  return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== null));
}
