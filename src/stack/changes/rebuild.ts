import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { RunContext, Workflow } from "../../workflow/define.ts";
import { serviceOf } from "../graph.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";
import { replace } from "./replace.ts";
import { updateService } from "./update.ts";

/** Another build of a service, everything else as the stack has it then. */
export interface RebuildChange {
  /** Over what its image is built from. */
  readonly digest: string;
  /** on: an update like any other. back: what is restored may fail again, as it did before; that does not end it. */
  readonly way: "on" | "back";
  /** It served before. One that did not is put back at once, and nobody waits until it is ready. */
  readonly wasWell: boolean;
  readonly wanted: "run" | "stop";
}

interface RebuildInput extends RebuildChange {
  readonly stack: string;
  readonly service: string;
}

interface Rebuild {
  readonly stack: Stack;
  readonly target: ServiceSpec;
  readonly change: RebuildChange;
}

/** Runs of kind `rebuild`: the instances of a service are replaced by ones of another build of its image. Rejects as `replace` does. */
export function rebuildWorkflow(host: StackHost): Workflow {
  return async (context, input) => {
    const { stack: name, service, ...change } = input as unknown as RebuildInput;
    const stack = host.find(name);
    if (!stack) throw new OrcoError("not_found", `stack ${name} is not up`, { stack: name });
    const target = (await context.step("rebuild", async () => {
      const changed = rebuilt(serviceOf(stack.record.spec, service), change.digest, { stack: name, service });
      await host.desireService(name, changed, "stack.rebuilt");
      return changed as unknown as JsonObject;
    })) as unknown as ServiceSpec;
    await (change.way === "on" ? goOn(host, context, { stack, target, change }) : goBack(host, context, { stack, target, change }));
    await context.step("start", async () => {
      const resting = change.wanted === "stop" ? [] : stack.supervisorsOf(service);
      const again = resting.filter(({ slot }) => slot.wanted === "stop" || slot.state === "Failed");
      await Promise.all(again.map((supervisor) => supervisor.want("run", "start")));
      return null;
    });
    return { stack: name, service };
  };
}

function rebuilt(spec: ServiceSpec | undefined, digest: string, place: { stack: string; service: string }): ServiceSpec {
  const { stack, service } = place;
  if (!spec) throw new OrcoError("not_found", `stack ${stack} has no service ${service}`, place);
  const { docker } = spec;
  if (!docker?.build) throw new OrcoError("unsupported", `${service} of stack ${stack} is not built here any more`, place);
  return { ...spec, docker: { ...docker, build: { ...docker.build, digest } } };
}

async function goOn(host: StackHost, context: RunContext, { stack, target, change: { wasWell } }: Rebuild): Promise<void> {
  const from = stack.outdated(target);
  if (!from) return;
  // Nobody waits for a former version to be ready that never was.
  const update = { ...target.update, autoRollback: wasWell && target.update.autoRollback };
  await replace(host, context, { stack, from, target: { ...target, update }, wanted: "run" });
}

async function goBack(host: StackHost, context: RunContext, { stack, target, change: { wasWell, wanted } }: Rebuild): Promise<void> {
  if (!stack.outdated(target)) return;
  const update = wasWell ? target.update : { ...target.update, strategy: "recreate" as const };
  const enough = new AbortController();
  const signal = AbortSignal.any([context.signal, enough.signal]);
  const request = { host, stack, run: context.id, target, update, wanted, reason: "rollback", signal } as const;
  await context.step("back", async () => {
    if (!wasWell)
      void stack
        .until(() => isBack(host, stack, target), signal)
        .then(
          () => enough.abort(),
          () => undefined,
        );
    try {
      await updateService(request);
    } catch (error) {
      if (!enough.signal.aborted || context.signal.aborted) throw error;
    } finally {
      enough.abort();
      await stack.updates.end(target.name);
    }
    return null;
  });
}

/** All of its instances are of that version, whatever becomes of them. */
function isBack(host: StackHost, stack: Stack, target: ServiceSpec): true | undefined {
  const members = stack.supervisorsOf(target.name);
  const config = host.configHash(target);
  return members.length >= target.replicas && members.every(({ slot }) => slot.config === config) ? true : undefined;
}
