import { OrcoError } from "../kernel/errors.ts";
import type { GivenDecision, RunService } from "../http/services.ts";
import { STEP_NAMES } from "../repair/record.ts";
import type { RepairDecision, RepairService } from "../repair/service.ts";
import type { RunView } from "../workflow/view.ts";

/** Repairs, as far as they are runs like others. */
export interface RepairRuns extends Pick<RepairService, "decide" | "cancel" | "retry"> {
  readonly knows: (id: string) => boolean;
}

/** Who approves, cancels or retries a repair as a run is held to the same rules as below `/orchestrator`. */
export function withRepairs(service: RunService, repairs: RepairRuns): RunService {
  return {
    ...service,
    cancel: async (id, how) => {
      if (!repairs.knows(id)) return service.cancel(id, how);
      await repairs.cancel(id);
      return service.get(id);
    },
    decide: async (id, decision) => {
      if (!repairs.knows(id)) return service.decide(id, decision);
      await repairs.decide(id, repairDecision(service.get(id), decision));
      return service.get(id);
    },
    signal: async (id, name, data) => {
      if (repairs.knows(id))
        throw new OrcoError("conflict", `run ${id} is a repair, which waits for no signal: approve it, or cancel it`, { run: id });
      await service.signal(id, name, data);
    },
    retry: async (id, how) => (repairs.knows(id) ? retryRepair(repairs, id, how) : service.retry(id, how)),
  };
}

/** What was looked at here has a hash of its own; that it is still what waits is checked before the repair decides. */
function repairDecision(
  { id, waiting }: RunView,
  { decision, approver, comment, content_hash: hash, token }: GivenDecision,
): RepairDecision {
  const current = waiting?.content_hash;
  if (hash !== undefined && current !== undefined && hash !== current)
    throw new OrcoError("approval_void", `what run ${id} waits with is not what was looked at; look again`, {
      run: id,
      content_hash: current,
    });
  return { decision, approver, ...(comment !== undefined && { comment }), ...(token !== undefined && { token }) };
}

async function retryRepair(
  repairs: RepairRuns,
  id: string,
  how: { from_step?: string; owner: string; id?: string },
): Promise<{ id: string }> {
  const from = how.from_step === undefined ? undefined : STEP_NAMES.find((name) => name === how.from_step);
  if (how.from_step !== undefined && from === undefined)
    throw new OrcoError("invalid", `a repair has no step ${JSON.stringify(how.from_step)}; it has ${STEP_NAMES.join(", ")}`, {
      errors: [{ pointer: "/from_step", detail: "is no step of a repair" }],
    });
  const run = await repairs.retry(id, { requestedBy: { id: how.owner }, ...(from && { from }) }, how.id);
  return { id: run.run_id };
}
