import { inherited } from "../../kernel/inherited.ts";
import type { StepExecution } from "../ports.ts";
import type { StepFiles } from "./step-files.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The complete environment of a step: a few variables of the daemon, those of the plan (ORCO_ITEM and ORCO_INDEX of a `for_each` are among them), and
 * what tells it who it is, which a plan cannot override. Source: runs.md.
 */
export function stepEnv(execution: StepExecution, files: Pick<StepFiles, "input" | "resume">, daemon: Env): Record<string, string> {
  const { api, traceparent, resume } = execution;
  return {
    ...inherited(daemon),
    ...execution.spec.env,
    ORCO_RUN_ID: execution.run,
    ORCO_STEP_ID: execution.step,
    ORCO_ATTEMPT: String(execution.attempt),
    ORCO_INPUT: files.input,
    ...(resume !== undefined && { ORCO_RESUME: files.resume }),
    ...(api && { ORCO_API_URL: api.url, ORCO_RUN_TOKEN: api.token }),
    ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
  };
}
