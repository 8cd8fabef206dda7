import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { ServiceRef } from "../project.ts";
import type { StackName, StackPort, StackService } from "./port.ts";

const PING_TIMEOUT_MS = 5000;
const MAX_NAMED = 50;

export interface FindParts {
  readonly stacks: Pick<StackPort, "services">;
  readonly engine: Engine;
  /** Among compose projects; throws as `Projects.resolve` does. */
  readonly compose: (target: string) => Promise<ServiceRef>;
}

export type Found = { readonly kind: "compose"; readonly ref: ServiceRef } | ({ readonly kind: "stack" } & StackName);

/**
 * `service` or `project/service`, a project being a compose project or a stack that is up. Throws `unknown_service`, `ambiguous_service` (facts:
 * candidates), and what the search among compose projects throws where no stack has the service.
 */
export async function findService(target: string, { stacks, engine, compose }: FindParts): Promise<Found> {
  const all = stacks.services();
  const named = all.filter((one) => one.service === target || fullName(one) === target);
  const built = named.filter(({ build }) => build !== undefined);
  const [first, second] = built;
  if (!first)
    return { kind: "compose", ref: await compose(target).catch((error: unknown) => Promise.reject(withStacks(error, named, all))) };
  await ping(engine);
  const among = await composeNames(target, compose);
  if (!second && among.length === 0) return { kind: "stack", stack: first.stack, service: first.service };
  throw ambiguous(target, [...built.map(fullName), ...among]);
}

/** What cannot be read, or is not known, competes with nobody. */
async function composeNames(target: string, compose: FindParts["compose"]): Promise<readonly string[]> {
  try {
    const { project, service } = await compose(target);
    return [`${project.name}/${service}`];
  } catch (error) {
    if (!(error instanceof OrcoError)) throw error;
    const { candidates } = error.facts;
    return error.code === "ambiguous_service" && Array.isArray(candidates) ? candidates.map(String) : [];
  }
}

function ambiguous(target: string, found: readonly string[]): OrcoError {
  const candidates = found.toSorted();
  const next =
    new Set(candidates).size < candidates.length
      ? "a stack and a compose project have one name: give the latter another with `project` in its orco.repair.yaml"
      : `name one of ${candidates.join(", ")}`;
  return new OrcoError("ambiguous_service", `${target} is a service of several projects and stacks: ${next}`, { candidates });
}

/** The services of stacks are among what could have been meant. */
function withStacks(error: unknown, named: readonly StackService[], all: readonly StackService[]): unknown {
  if (!(error instanceof OrcoError) || error.code !== "unknown_service") return error;
  const [unbuilt] = named;
  if (unbuilt) {
    const why = `${fullName(unbuilt)} is not built here: there is nothing a repair could change; give it build, and apply`;
    return new OrcoError("unknown_service", why, error.facts);
  }
  const names = all.filter(({ build }) => build !== undefined).map(fullName);
  if (names.length === 0) return error;
  const { services } = error.facts;
  const known = [...(Array.isArray(services) ? services.map(String) : []), ...names].toSorted();
  return new OrcoError("unknown_service", `${error.message}; stacks have ${names.slice(0, MAX_NAMED).join(", ")}`, {
    ...error.facts,
    services: known,
  });
}

function fullName({ stack, service }: StackName): string {
  return `${stack}/${service}`;
}

async function ping(engine: Engine): Promise<void> {
  try {
    await engine.ping({ timeoutMs: PING_TIMEOUT_MS });
  } catch (error) {
    throw new OrcoError("docker_unavailable", messageOf(error), { host: engine.host }, { cause: error });
  }
}
