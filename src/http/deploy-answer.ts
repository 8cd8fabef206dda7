import { OrcoError } from "../kernel/errors.ts";
import { isJsonObject, type JsonObject } from "../kernel/event.ts";
import type { RunView } from "../workflow/view.ts";
import { failureOf } from "./change.ts";
import type { Ctx, Deps } from "./context.ts";

/** The run when it has ended, or when it waits for a person. It outlives a caller that hangs up. */
export async function settledOrWaiting(deps: Deps, c: Ctx, id: string): Promise<RunView> {
  const { signal } = c.req.raw;
  c.env.hold();
  try {
    return await deps.services.runs.settled(id, signal, { orWaiting: true });
  } catch (error) {
    throw signal.aborted ? new OrcoError("cancelled", `the caller left; the run ${id} goes on`, { run: id }) : error;
  }
}

/** The fields of a deploy or a rollback that went well. Throws what it failed of: a problem that has those fields too, `success` false. */
export function appOutcome(run: RunView): JsonObject {
  if (run.status === "completed" && isJsonObject(run.result)) return run.result;
  throw unsuccessful(failureOf(run), run.kind);
}

/** Adds the fields of the document to a refusal or a failure. */
export function unsuccessful(error: OrcoError, kind: string): OrcoError {
  const fields = { success: false, slot: null, commit: null, ...(kind === "deploy" && { previous_commit: null }) };
  return new OrcoError(error.code, error.message, { ...fields, ...error.facts }, { cause: error });
}
