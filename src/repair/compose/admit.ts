import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { ServiceRef } from "../project.ts";
import { realPath } from "./inside.ts";
import { allowanceOf } from "./allowance.ts";
import { decideCompose } from "./policy.ts";
import { outsideSources } from "./sources.ts";

/** Where engines listen, as a rule. */
const SOCKETS = ["/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock"];

export interface Asked {
  readonly ref: ServiceRef;
  /** The operator's compose files. */
  readonly files: readonly string[];
  /** The engine, as DOCKER_HOST names it. */
  readonly host: string;
}

/** Throws `compose_refused` (facts: errors) where a service asks for what neither the policy nor its profile allows. */
export function assertAllowed(config: JsonObject, { ref, files, host }: Asked): void {
  const { service, project, profile } = ref;
  const workspace = realPath(project.workspace);
  const sockets = [...SOCKETS, ...(host.startsWith("unix://") ? [host.slice("unix://".length)] : [])].map((path) => realPath(path));
  const allow = profile.allowCompose;
  const errors = [
    ...decideCompose(config, { service, workspace, allow, real: realPath, sockets: [...new Set(sockets)] }),
    ...(allow.some((word) => allowanceOf(word) === "outside_files") ? [] : outsideSources(files, { workspace, real: realPath })),
  ];
  const [first] = errors;
  if (!first) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new OrcoError("compose_refused", `${project.name}/${service} is not repaired: ${first.detail}${more}`, { errors });
}
