import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { isBelow, realPath } from "../compose/inside.ts";
import { isOwnSource } from "../compose/own.ts";
import { headOf, readProfiles } from "../profile-read.ts";
import { serviceProfile } from "../profile-service.ts";
import type { ServiceConfig, ServiceRef } from "../project.ts";
import type { StackBuild, StackService } from "./port.ts";

interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/**
 * A service of a stack as a repair knows services. Its workspace is the repository of the stack's file, or that file's folder where there is none.
 * `commit`: of orco.repair.yaml; undefined: the one that is checked out. Throws `compose_refused`, `self_repair`, `unknown_service`, `invalid`.
 */
export async function stackRef(found: StackService, { env, clock }: Place, commit?: string | null): Promise<ServiceRef> {
  const { stack, service, file, services, config, repair } = found;
  const build = buildOf(found);
  const workspace = stackWorkspace(found);
  assertRepairable(found, build, workspace);
  const at = commit === undefined ? await headOf({ workspace, env, clock }) : commit;
  const profiles = await readProfiles({ workspace, commit: at, env, clock });
  const profile = serviceProfile(profiles, service, config.image);
  return {
    project: { kind: "stack", name: stack, workspace, composeFile: file, services, approvers: profiles.approvers },
    service,
    // Whoever applied the stack has said it last.
    profile: repair === undefined ? profile : { ...profile, repair },
  };
}

export function configOf(found: StackService): ServiceConfig {
  const { context, dockerfile = "Dockerfile", target, args = {} } = buildOf(found);
  const real = realPath(context);
  return {
    ...found.config,
    build: { context: real, dockerfile: realPath(resolve(real, dockerfile)), ...(target !== undefined && { target }), args },
    raw: {},
  };
}

/** Throws `unknown_service`: the stack has been applied anew since. */
export function buildOf({ stack, service, build }: StackService): StackBuild {
  if (build) return build;
  throw new OrcoError("unknown_service", `${stack}/${service} is not built here: there is nothing a repair could change; give it build`, {
    services: [],
  });
}

/** Without symbolic links. */
export function stackWorkspace({ folder }: Pick<StackService, "folder">): string {
  const real = realPath(folder);
  for (let at = real; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return real;
  }
}

function assertRepairable({ stack, service, isScheduled }: StackService, { context }: StackBuild, workspace: string): void {
  const name = `${stack}/${service}`;
  const real = realPath(context);
  if (isOwnSource(real))
    throw new OrcoError("self_repair", `${name} is built from ${real}, the source of orco itself, which does not repair itself`, {
      workspace: real,
    });
  if (isScheduled)
    throw new OrcoError("unsupported", `${name} runs by its schedule: whether a repair has mended it could not be seen`, { service });
  if (!isBelow(real, workspace))
    throw new OrcoError("compose_refused", `${name} is not repaired: its build context ${real} is outside ${workspace}`, {
      errors: [{ pointer: `/services/${service}/build`, detail: `the build context ${real} is outside ${workspace}` }],
    });
}
