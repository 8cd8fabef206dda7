import type { RunSummary } from "../repair/view.ts";
import type { Ctx } from "./context.ts";

export const REPAIRS = "/orchestrator/runs";

/** 202: it is admitted, and goes on by itself. */
export function admitted(c: Ctx, run: RunSummary): Response {
  return c.json(run, 202, { location: `${REPAIRS}/${run.run_id}` });
}
