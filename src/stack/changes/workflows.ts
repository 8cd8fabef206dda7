import type { Workflows } from "../../workflow/define.ts";
import { actWorkflows } from "./act.ts";
import { applyWorkflow } from "./apply.ts";
import { decideWorkflow } from "./decide.ts";
import { downWorkflow } from "./down.ts";
import { SCHEDULED, scheduledWorkflow } from "../scheduled/workflow.ts";
import type { StackHost } from "./host.ts";
import { onceWorkflow } from "./once.ts";
import { rebuildWorkflow } from "./rebuild.ts";
import { reloadWorkflow } from "./reload.ts";

/** Every kind of run that changes a stack. */
export function stackWorkflows(host: StackHost): Workflows {
  return {
    apply: applyWorkflow(host),
    down: downWorkflow(host),
    promote: decideWorkflow(host, "promote"),
    abort: decideWorkflow(host, "abort"),
    [SCHEDULED]: scheduledWorkflow(host),
    run: onceWorkflow(host),
    reload: reloadWorkflow(host),
    rebuild: rebuildWorkflow(host),
    ...actWorkflows(host),
  };
}
