import { OrcoError } from "../../kernel/errors.ts";
import type { Workflow } from "../../workflow/define.ts";
import type { UpdateRow } from "../updates.ts";
import type { StackHost } from "./host.ts";

type Decision = NonNullable<UpdateRow["decision"]>;

/** Throws `conflict` where there is nothing to promote or to abort. */
export function refuseDecision(update: UpdateRow | undefined, { service, action }: { service: string; action: Decision }): void {
  const why = whyNot(update, action);
  if (why !== undefined) throw new OrcoError("conflict", `${why}: nothing to ${action} for ${service}`, { service });
}

function whyNot(update: UpdateRow | undefined, action: Decision): string | undefined {
  if (!update) return "no update is under way";
  const { strategy, phase, decision } = update;
  if (phase === "rolling back") return "the update is being rolled back";
  if (action === "promote" && strategy !== "canary") return `a ${strategy} update goes on by itself`;
  if (action === "promote" && phase === "promoting") return "the canary is promoted already";
  if (phase === "finishing") return "the old instances are being stopped";
  return decision === "abort" ? "the update is being aborted" : undefined;
}

/** A `busy` that only a person's decision ends says which. */
export function orDecide(error: unknown, undecided: { readonly service: string; readonly run: string } | undefined): unknown {
  if (!(error instanceof OrcoError) || error.code !== "busy" || !undecided || error.facts["run"] !== undecided.run) return error;
  const { service, run } = undecided;
  const next = `take it: orco promote ${service}; undo it: orco abort ${service}; see it: orco runs ${run}; to wait for it: --queue`;
  return new OrcoError("busy", `run ${run} has the canary of ${service}, which waits to be promoted or aborted`, { ...error.facts, next });
}

/** Runs of kind `promote` and `abort`: the decision is given to the update under way, and the run ends when that has settled. */
export function decideWorkflow(host: StackHost, action: Decision): Workflow {
  return async (context, input) => {
    const { stack: name, service } = input as unknown as { readonly stack: string; readonly service: string };
    const stack = host.find(name);
    if (!stack) throw new OrcoError("not_found", `stack ${name} is not up`, { stack: name });
    const decided = await context.step("decide", async () => {
      const update = stack.updates.get(service);
      if (!update || update.decision !== action) refuseDecision(update, { service, action });
      await stack.updates.decide(service, action);
      return [update?.run ?? "", update?.config ?? ""] as const;
    });
    const [run, config] = decided;
    await stack.until(() => (stack.updates.get(service)?.run === run ? undefined : true), context.signal);
    const carried = stack.supervisorsOf(service).every(({ slot }) => slot.config === config);
    if (carried !== (action === "promote")) {
      const message =
        action === "promote" ? `the update of ${service} failed after it was promoted` : `the update of ${service} could not be undone`;
      throw new OrcoError("start_failed", message, { service, run });
    }
    return { stack: name, service };
  };
}
