import { OrcoError } from "../kernel/errors.ts";
import { type OpenerParts, openCompose } from "../repair/compose/open.ts";
import type { Admitted } from "../repair/desk.ts";
import { checkGivenPlan } from "../repair/given-plan.ts";
import type { OpenTarget } from "../repair/host.ts";
import type { ServiceRef } from "../repair/project.ts";
import type { RepairRecord } from "../repair/record.ts";
import { findService } from "../repair/stack/find.ts";
import { openStack } from "../repair/stack/open.ts";
import type { StackPort } from "../repair/stack/port.ts";
import { stackRef } from "../repair/stack/project.ts";

/** An id for what is looked at without a run. */
const NO_RUN = "none";

/** What can be repaired: services of compose projects, and of stacks. */
export interface RepairTargets {
  /** `unknown_service`, `ambiguous_service`, `docker_unavailable`, `compose_invalid`, `compose_refused`, `self_repair`, `unsupported`. */
  readonly admit: (target: string) => Promise<Admitted>;
  readonly open: (record: RepairRecord, signal: AbortSignal) => Promise<OpenTarget>;
  /** With its profile as of the commit that the plan was made at. */
  readonly refOf: (record: RepairRecord) => Promise<ServiceRef>;
}

export function repairTargets(parts: OpenerParts & { readonly stacks: StackPort }): RepairTargets {
  const { projects, stacks, clock, engine, env } = parts;
  const compose = (target: string): Promise<ServiceRef> => projects.resolve(target);
  return {
    admit: async (target) => {
      const found = await findService(target, { stacks, engine, compose });
      const opened =
        found.kind === "stack"
          ? await openStack(parts, { stack: found.stack, service: found.service, run: NO_RUN })
          : await openCompose(parts, { workspace: found.ref.project.workspace, service: found.ref.service, run: NO_RUN });
      return {
        ...opened.ref,
        kind: found.kind,
        checkPlan: (plan) => checkGivenPlan(opened, plan, { clock }),
        mask: opened.redactor.clean,
      };
    },
    open: ({ kind, project, workspace, service, id: run }, signal) =>
      kind === "stack" ? openStack(parts, { stack: project, service, run }) : openCompose(parts, { workspace, service, run, signal }),
    refOf: async ({ kind, project, workspace, service, plan }) => {
      const commit = plan?.target.base_commit ?? null;
      if (kind === "compose") return projects.at(workspace, service, commit);
      const found = stacks.find({ stack: project, service });
      if (found) return stackRef(found, { env, clock }, commit);
      const why = `${project}/${service} is not up: orco up starts it, orco repair cancel ends its repair`;
      throw new OrcoError("unknown_service", why, { services: [] });
    },
  };
}
