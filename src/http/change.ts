import { ERROR_CODES, type ErrorCode, OrcoError } from "../kernel/errors.ts";
import type { RunView } from "../workflow/view.ts";
import type { Ctx, Deps } from "./context.ts";

/** The answer to a change: its run when it has ended; with `Prefer: respond-async` 202 as soon as it is admitted. */
export async function answerChange(deps: Deps, c: Ctx, run: RunView): Promise<Response> {
  const location = `/runs/${run.id}`;
  if (wantsAsync(c)) return c.json(run, 202, { location, "preference-applied": "respond-async" });
  const settled = await settledRun(deps, c, run.id);
  if (settled.status !== "completed") throw failureOf(settled);
  return c.json(settled, 200, { "content-location": location });
}

/** The run outlives a caller that hangs up. */
async function settledRun(deps: Deps, c: Ctx, id: string): Promise<RunView> {
  const { signal } = c.req.raw;
  c.env.hold();
  try {
    return await deps.services.runs.settled(id, signal);
  } catch (error) {
    throw signal.aborted ? new OrcoError("cancelled", `the caller left; the run ${id} goes on`, { run: id }) : error;
  }
}

export function wantsAsync(c: Ctx): boolean {
  return /(?:^|[,;\s])respond-async(?:$|[,;\s])/i.test(c.req.header("prefer") ?? "");
}

/** A change that failed is no success for a caller that only looks at the status; the run and its facts come along. */
export function failureOf(run: RunView): OrcoError {
  if (run.status === "canceled" && !run.error) return new OrcoError("cancelled", `the run ${run.id} was cancelled`, { run: run.id });
  const { code = "internal", message = `the run ${run.id} failed`, ...facts } = run.error ?? {};
  return new OrcoError(knownCode(code), message, { ...facts, run: run.id, run_status: run.status });
}

function knownCode(code: string): ErrorCode {
  return ERROR_CODES.find((known) => known === code) ?? "internal";
}
