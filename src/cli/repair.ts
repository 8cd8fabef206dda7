import type { Command } from "./command.ts";
import { type Context, textOption } from "./context.ts";
import { usageError } from "./exit.ts";
import { repairMeant } from "./id-meant.ts";
import { add, projects, remove } from "./repair-projects.ts";
import { detailText } from "./repair-text.ts";
import { followRepair } from "./repair-watch.ts";

const STEPS = ["analyze", "patch", "build", "restart", "verify", "rollback"];
const MAX_REASON_CHARS = 2000;

/** What reads files is loaded for whoever needs it. */
const DO = {
  service: async (context: Context) => (await import("./repair-submit.ts")).submit(context),
  show,
  watch,
  artifacts: async (context: Context) => (await import("./repair-artifacts.ts")).artifacts(context),
  retry,
  cancel,
  analyze: async (context: Context) => (await import("./repair-analyze.ts")).analyzeCommand(context),
  add,
  projects,
  remove,
} satisfies Record<string, Command>;

/** `orco repair <service> <instruction>`, `orco repair <action> …` (repair.md). */
export async function repair(context: Context): Promise<number | undefined> {
  const [action, ...args] = context.args;
  return DO[action as keyof typeof DO]({ ...context, args });
}

async function show(context: Context): Promise<undefined> {
  const { repair: client } = await context.client();
  const run = await client.get(await repairMeant(context, client));
  const { io, global } = context;
  io.out(global.json ? `${JSON.stringify(run)}\n` : `${detailText(run, { color: io.color })}\n`);
  return undefined;
}

async function watch(context: Context): Promise<number> {
  const { repair: client } = await context.client();
  return followRepair(context, client, await repairMeant(context, client));
}

async function cancel(context: Context): Promise<undefined> {
  const { repair: client } = await context.client();
  const run = await client.cancel(await repairMeant(context, client));
  if (context.global.json) context.io.out(`${JSON.stringify(run)}\n`);
  else context.note(`repair ${run.run_id} is ${run.status}`);
  return undefined;
}

async function retry(context: Context): Promise<number | undefined> {
  const { options, io, global } = context;
  const [from, reason] = [textOption(options, "from"), textOption(options, "reason")];
  if (from !== undefined && !STEPS.includes(from)) throw usageError(`--from takes one of ${STEPS.join(", ")}, not ${JSON.stringify(from)}`);
  if ((reason?.length ?? 0) > MAX_REASON_CHARS) throw usageError(`--reason takes ${MAX_REASON_CHARS} characters at most`);
  const { repair: client } = await context.client();
  const former = await repairMeant(context, client);
  const run = await client.retry(former, {
    ...(from !== undefined && { resume_from_step: from }),
    ...(reason !== undefined && { reason }),
  });
  if (options["watch"] === true) return followRepair(context, client, run.run_id);
  io.out(global.json ? `${JSON.stringify(run)}\n` : `${run.run_id}\n`);
  context.note(`watch it: orco repair watch ${run.run_id}`);
  return undefined;
}
