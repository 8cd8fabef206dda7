import { relative } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { isJsonObject, type JsonObject } from "../../kernel/event.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { dockerTools } from "../copy/tools.ts";
import type { OpenTarget } from "../host.ts";
import { masksOf, secretsIn } from "../masks.ts";
import type { ServiceRef } from "../project.ts";
import type { Projects } from "../projects.ts";
import { addressesIn } from "../verify/address.ts";
import type { Compose } from "./detect.ts";
import { assertNotOwn } from "./own.ts";
import { sectionOf } from "./render.ts";
import { ComposeService } from "./service.ts";
import { text } from "./service-config.ts";
import { composeTarget } from "./target.ts";

export interface OpenerParts {
  readonly projects: Projects;
  readonly compose: Compose;
  readonly engine: Engine;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly home: string;
}

interface Wanted {
  readonly workspace: string;
  readonly service: string;
  /** Id of the repair. */
  readonly run: string;
  readonly signal?: AbortSignal;
}

/**
 * A service of a compose project, ready to be worked on: rendered, allowed, its secrets known. Throws `docker_unavailable`, `unknown_service`,
 * `compose_invalid`, `compose_refused`, `self_repair`.
 */
export async function openCompose(parts: OpenerParts, { workspace, service, run, signal }: Wanted): Promise<OpenTarget> {
  const { projects, compose, engine, env, clock, home } = parts;
  const ref = await projects.at(workspace, service);
  const command = await compose.find();
  // First: our own container has the docker socket, which the policy would refuse with advice that is of no use here.
  await assertNotOwn({ ref, engine, ...(signal && { signal }) });
  const plain = new ComposeService({ ref, run, compose: command, engine, redactor: new Redactor([]), clock });
  const rendered = await plain.allowed(signal);
  const { envFile } = plain.place();
  const secrets = secretsIn({
    config: rendered.service,
    declared: sectionOf(rendered.config, "secrets"),
    envFiles: envFile === undefined ? [] : [envFile],
    daemonEnv: env,
  });
  const redactor = masksOf(secrets);
  return {
    ref,
    config: rendered.service,
    redactor,
    secrets,
    others: otherContexts(rendered.config, ref),
    tools: dockerTools(engine, run),
    target: composeTarget({ ref, run, compose: command, engine, home, env, redactor, clock, turns: compose.turns }),
    addressOf: addressesIn(engine, ref.project.name),
  };
}

/** Where the project's other services are built, relative to the workspace. */
function otherContexts(config: JsonObject, { project, service }: ServiceRef): string[] {
  return [...sectionOf(config, "services")].flatMap(([name, raw]) => {
    const build = raw["build"];
    if (name === service || build === undefined) return [];
    const context = text(isJsonObject(build) ? build["context"] : build);
    return context === undefined ? [] : [relative(project.workspace, context)];
  });
}
