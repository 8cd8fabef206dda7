import type { Context } from "./context.ts";
import { textOption } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { scheduleMeant } from "./id-meant.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";

const CATCH_UP = ["skip", "one", "all"] as const;

const DO = { add, list, remove };

/** `orco schedule <action>`: runs that are made again and again. */
export async function schedule(context: Context): Promise<undefined> {
  const [action, ...args] = context.args;
  return DO[action as keyof typeof DO]({ ...context, args });
}

async function add(context: Context): Promise<undefined> {
  const { options, io, global } = context;
  const cron = textOption(options, "cron");
  if (cron === undefined) throw usageError('schedule add needs --cron, such as --cron "0 3 * * *"');
  const catchUp = textOption(options, "catchUp") ?? "one";
  if (!CATCH_UP.some((known) => known === catchUp))
    throw usageError(`--catch-up takes ${CATCH_UP.join(", ")}, not ${JSON.stringify(catchUp)}`);
  const [timezone, mode, name] = ["timezone", "mode", "name"].map((option) => textOption(options, option));
  const { requestOf } = await import("./run-submit.ts");
  const { request, placed } = requestOf({ ...context, options: {} });
  const run = { ...(name !== undefined && { name }), ...request };
  const about = { ...(timezone !== undefined && { timezone }), ...(mode !== undefined && { mode }), ...(name !== undefined && { name }) };
  const client = await ensureDaemon(context);
  const made = await client.createSchedule({ cron, catch_up: catchUp, run, ...about }).catch((error: unknown) => {
    throw placed(error);
  });
  io.out(global.json ? `${JSON.stringify(made)}\n` : `${made.id}\n`);
  context.note(`next: ${made.next_at ?? "never"}`);
  return undefined;
}

async function list(context: Context): Promise<undefined> {
  const schedules = await (await context.client()).schedules();
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ schedules })}\n`);
  else if (schedules.length === 0) context.note('there is no schedule; make one: orco schedule add plan.yaml --cron "0 3 * * *"');
  else {
    const rows = schedules.map((one) => [
      one.id,
      one.cron,
      one.timezone,
      one.next_at ?? "-",
      one.last_fired_at ?? "-",
      oneLine(one.stack === undefined ? (one.name ?? "") : `${one.stack}/${one.service ?? ""} (stack)`),
    ]);
    io.out(`${alignRows([["SCHEDULE", "CRON", "TIMEZONE", "NEXT", "LAST", "NAME"], ...rows], io.columns())}\n`);
  }
  return undefined;
}

async function remove(context: Context): Promise<undefined> {
  const client = await context.client();
  const id = await scheduleMeant(context, client);
  await client.removeSchedule(id);
  context.note(`schedule ${id} is removed`);
  return undefined;
}
