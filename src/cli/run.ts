import type { Json } from "../kernel/event.ts";
import type { CheckpointView } from "../workflow/view.ts";
import type { Command } from "./command.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { LineBuffer } from "./line-buffer.ts";
import { artifacts } from "./run-artifacts.ts";
import { runDetail, runIdOf } from "./runs.ts";
import { eventLine } from "./event-line.ts";
import { runLogLine } from "./run-text.ts";
import { oneLine } from "./sanitize.ts";
import { submit } from "./run-submit.ts";
import { followRun } from "./run-watch.ts";
import { timeOption } from "./time.ts";

/** Checkpoints asked for at once. */
const PAGE = 500;

const DO = {
  submit,
  show,
  watch,
  events,
  logs,
  checkpoints,
  artifacts,
  cancel,
  pause: (context: Context) => act(context, "pause"),
  resume: (context: Context) => act(context, "resume"),
  retry,
  signal,
} satisfies Record<string, Command>;

/** `orco run <action> …`: work that orco gets done (runs.md). */
export async function run(context: Context): Promise<number | undefined> {
  const [action, ...args] = context.args;
  return DO[action as keyof typeof DO]({ ...context, args });
}

async function show(context: Context): Promise<undefined> {
  const id = runIdOf(context);
  const found = await (await context.client()).run(id);
  context.io.out(context.global.json ? `${JSON.stringify(found)}\n` : `${runDetail(found)}\n`);
  return undefined;
}

async function watch(context: Context): Promise<number> {
  return followRun(context, await context.client(), runIdOf(context));
}

async function events(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const id = runIdOf(context);
  const client = await context.client();
  await client.run(id);
  const lines = new LineBuffer(io);
  const since = textOption(options, "since");
  const from = since === undefined ? {} : { lastEventId: String(timeOption(since, "--since", Date.now()) - 1) };
  for await (const event of client.runEvents(id, { ...from, signal: lines.closed })) {
    lines.push(global.json ? JSON.stringify(event) : eventLine(event));
  }
  lines.flush();
  lines.check();
  return undefined;
}

async function logs(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const id = runIdOf(context);
  const [step, since, tail, level, grep] = ["step", "since", "tail", "level", "grep"].map((name) => textOption(options, name));
  const client = await context.client();
  const lines = new LineBuffer(io);
  const records = client.runLogs(id, {
    signal: lines.closed,
    ...(step !== undefined && { step }),
    ...(since !== undefined && { since: timeOption(since, "--since", Date.now()) }),
    ...(tail !== undefined && { tail: countOf(tail, "--tail") }),
    ...(level !== undefined && { level }),
    ...(grep !== undefined && { grep }),
    ...(options["follow"] === true && { follow: true }),
  });
  for await (const record of records) lines.push(global.json ? JSON.stringify(record) : runLogLine(record, io));
  lines.flush();
  lines.check();
  return undefined;
}

async function checkpoints(context: Context): Promise<undefined> {
  const id = runIdOf(context);
  const client = await context.client();
  const { io, global } = context;
  const lines = new LineBuffer(io);
  const all: CheckpointView[] = [];
  for (
    let page = await client.checkpoints(id, { limit: PAGE });
    ;
    page = await client.checkpoints(id, { limit: PAGE, after: page.at(-1)?.id ?? "" })
  ) {
    if (global.json) all.push(...page);
    else for (const one of page) lines.push(checkpointLine(one));
    if (page.length < PAGE || lines.closed.aborted) break;
  }
  if (global.json) io.out(`${JSON.stringify({ runId: id, checkpoints: all })}\n`);
  lines.flush();
  lines.check();
  return undefined;
}

/** Its data come from a step: JSON leaves some of what drives a terminal as it is. */
function checkpointLine({ ts, type, step, data }: CheckpointView): string {
  return oneLine([ts, step ?? "-", type, JSON.stringify(data) ?? ""].join("  ")).trimEnd();
}

async function cancel(context: Context): Promise<undefined> {
  const force = context.options["force"] === true;
  const ended = await (await context.client()).cancelRun(runIdOf(context), { force });
  if (context.global.json) context.io.out(`${JSON.stringify(ended)}\n`);
  else context.note(`run ${ended.id} is ${ended.status}`);
  return undefined;
}

async function act(context: Context, action: "pause" | "resume"): Promise<undefined> {
  const changed = await (await context.client()).actOnRun(runIdOf(context), action);
  if (context.global.json) context.io.out(`${JSON.stringify(changed)}\n`);
  else context.note(`run ${changed.id} is ${changed.status}`);
  return undefined;
}

async function retry(context: Context): Promise<number | undefined> {
  const from = textOption(context.options, "from");
  const client = await context.client();
  const id = await client.retryRun(runIdOf(context), from === undefined ? {} : { from_step: from });
  if (context.options["watch"] === true) return followRun(context, client, id);
  context.io.out(context.global.json ? `${JSON.stringify({ runId: id })}\n` : `${id}\n`);
  context.note(`follow it: orco run watch ${id}`);
  return undefined;
}

async function signal(context: Context): Promise<undefined> {
  const [, name = "", text] = context.args;
  await (await context.client()).signalRun(runIdOf(context), name, text === undefined ? null : dataOf(text));
  context.note(`signal ${name} is recorded`);
  return undefined;
}

/** A word that is no JSON is a string: who types `yes` means "yes". */
function dataOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
