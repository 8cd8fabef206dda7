import type { RunView } from "../workflow/view.ts";
import { countOf, optionalStackName, textOption, type Context } from "./context.ts";
import { runMeant } from "./id-meant.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { attemptText, saidOf, tookText } from "./run-text.ts";
import { alignRows } from "../terminal/table.ts";
import { dayTime } from "../terminal/clock-time.ts";
import { timeOption } from "./time.ts";

const SHOWN = "20";
const MAX_SHOWN = 500;

/** `orco runs`: the newest; `orco runs <id>`: one with its steps. */
export async function runs(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const limit = countOf(textOption(options, "limit") ?? SHOWN, "--limit", { min: 1, max: MAX_SHOWN });
  const client = await context.client();
  if (context.args.length > 0) {
    const run = await client.run(await runMeant(context, client));
    io.out(global.json ? `${JSON.stringify(run)}\n` : `${runDetail(run)}\n`);
    return undefined;
  }
  const stack = options["all"] === true ? undefined : optionalStackName(context);
  const [status, kind, mode, name, since] = ["status", "kind", "mode", "name", "since"].map((option) => textOption(options, option));
  const found = await client.runs({
    limit,
    ...(stack !== undefined && { stack }),
    ...(status !== undefined && { status }),
    ...(kind !== undefined && { kind }),
    ...(mode !== undefined && { mode }),
    ...(name !== undefined && { name }),
    ...(since !== undefined && { since: String(Math.floor(timeOption(since, "--since", Date.now()))) }),
  });
  io.out(global.json ? `${JSON.stringify(found)}\n` : `${runsTable(found.runs, io.columns())}\n`);
  return undefined;
}

export async function cancel(context: Context): Promise<undefined> {
  const client = await context.client();
  const run = await client.cancelRun(await runMeant(context, client));
  if (context.global.json) context.io.out(`${JSON.stringify(run)}\n`);
  else context.note(`run ${run.id} is ${run.status}`);
  return undefined;
}

export function runsTable(found: readonly RunView[], columns?: number, nowMs = Date.now()): string {
  const rows = found.map((run) => [
    run.id,
    run.kind,
    run.status,
    dayTime(run.createdAt, nowMs),
    tookText(run, nowMs),
    aboutOf(run),
    messageOf(run),
  ]);
  return alignRows([["RUN", "KIND", "STATUS", "AT", "TOOK", "ABOUT", "MESSAGE"], ...rows], columns);
}

export function runTitle(run: RunView): string {
  return `${run.id}  ${oneLine(run.name)}  ${run.status}`;
}

/** `demo`, `demo/api`, `app blog`, or the name somebody gave it. */
function aboutOf({ stack, service, app, name }: RunView): string {
  if (stack !== undefined) return [stack, service].filter(Boolean).join("/");
  return app === undefined ? oneLine(name) || "-" : `app ${app}`;
}

export function runDetail(run: RunView, nowMs = Date.now()): string {
  const steps = run.steps.map((step) => [
    "",
    step.id,
    step.status,
    attemptText(step),
    tookText(step, nowMs),
    oneLine(waitsFor(run, step.id)) || saidOf(step),
  ]);
  const took = run.startedAt === undefined ? "" : `  ${tookText(run, nowMs)}`;
  return [
    `${runTitle(run)}${took}`,
    ...(steps.length > 0 ? [alignRows([["", "STEP", "STATUS", "TRY", "TOOK", "MESSAGE"], ...steps])] : []),
    ...(run.error ? run.error.message.split("\n").map((line) => `  ${oneLine(line)}`) : []),
    ...(run.waiting?.kind === "approval"
      ? [`  decide it: orco approve ${run.id}${run.waiting.roles ? " --role …" : ""}, or with --reject`]
      : []),
  ].join("\n");
}

function waitsFor({ waiting }: RunView, step: string): string {
  if (waiting?.step !== step) return "";
  return waiting.expires_at === undefined ? waiting.summary : `${waiting.summary} (until ${waiting.expires_at})`;
}

function messageOf({ error, waiting }: RunView): string {
  if (waiting?.kind === "approval") return oneLine(`waits for approval: ${waiting.summary}`);
  // The lines of a log that follow are for `orco runs <run>`.
  return oneLine(error?.message.split("\n", 1)[0] ?? (waiting ? `waits for ${waiting.summary}` : ""));
}
