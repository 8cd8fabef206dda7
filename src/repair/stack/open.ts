import { relative } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { realPath } from "../compose/inside.ts";
import { dockerTools } from "../copy/tools.ts";
import type { OpenTarget } from "../host.ts";
import { masksOf, secretsIn } from "../masks.ts";
import type { StackName, StackPort } from "./port.ts";
import { configOf, stackRef } from "./project.ts";
import { stackTarget } from "./target.ts";

export interface StackOpenerParts {
  readonly stacks: StackPort;
  readonly engine: Engine;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly home: string;
}

/** A service of a stack, ready to be worked on. Throws `unknown_service`, `self_repair`, `compose_refused`, `unsupported`, `invalid`. */
export async function openStack(
  parts: StackOpenerParts,
  { stack, service, run }: StackName & { readonly run: string },
): Promise<OpenTarget> {
  const { stacks, engine, env, home, clock } = parts;
  const found = stacks.find({ stack, service });
  if (!found) throw new OrcoError("unknown_service", `${stack}/${service} is not up; orco up starts it`, { services: [] });
  const ref = await stackRef(found, { env, clock });
  const config = configOf(found);
  const secrets = [...new Set([...found.secrets, ...secretsIn({ config, envFiles: [], daemonEnv: env })])];
  const redactor = masksOf(secrets);
  return {
    ref,
    config,
    redactor,
    secrets,
    others: found.others.map((context) => relative(ref.project.workspace, realPath(context))),
    tools: dockerTools(engine, run),
    target: stackTarget({ ref, run, stacks, engine, redactor, clock, home, env }),
    addressOf: async (host) => stacks.newest({ stack, service: host })?.address,
  };
}
