import { OrcoError } from "../kernel/errors.ts";
import type { RepairRequest } from "../client/repair.ts";
import { type Context, textOption } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { logsFrom, planFrom } from "./repair-input.ts";
import { followRepair } from "./repair-watch.ts";

/** `orco repair <service> <instruction>`: prints the id of the repair, or with --watch what it does until it ends. */
export async function submit(context: Context): Promise<number | undefined> {
  const { options, io, global } = context;
  const body = await requestOf(context);
  const { repair: client } = await ensureDaemon(context);
  const run = await client.create(body).catch((error: unknown) => {
    throw withNextStep(error);
  });
  if (options["watch"] === true) return followRepair(context, client, run.run_id);
  io.out(global.json ? `${JSON.stringify(run)}\n` : `${run.run_id}\n`);
  context.note(`watch it: orco repair watch ${run.run_id}; what it finds: orco repair show ${run.run_id}`);
  return undefined;
}

async function requestOf(context: Context): Promise<RepairRequest> {
  const { args, options } = context;
  const [service = "", ...words] = args;
  const instruction = words.join(" ").trim();
  if (instruction === "") throw usageError(`say what to mend: orco repair ${service} "fix the missing dependency"`);
  const [logs, plan] = [textOption(options, "logs"), textOption(options, "plan")];
  if (logs === "-" && plan === "-") throw usageError("only one of --logs and --plan can be standard input");
  return {
    instruction,
    target_service: service,
    ...(options["high"] === true && { priority: "high" }),
    ...(options["dryRun"] === true && { dry_run: true }),
    ...(plan !== undefined && { plan: await planFrom(context, plan) }),
    ...(logs !== undefined && { logs: await logsFrom(context, logs) }),
  };
}

function withNextStep(error: unknown): unknown {
  const next = error instanceof OrcoError ? NEXT[error.code] : undefined;
  if (!(error instanceof OrcoError) || next === undefined || error.facts["next"] !== undefined) return error;
  return new OrcoError(error.code, error.message, { ...error.facts, next }, { cause: error });
}

const NEXT: Readonly<Record<string, string>> = {
  unknown_service: "what is known: orco repair projects; let a compose project be repaired: orco repair add <folder>",
  docker_unavailable: "start docker, or set DOCKER_HOST for the daemon of orco",
};
