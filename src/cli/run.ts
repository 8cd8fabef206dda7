import type { Json } from "../kernel/event.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { CheckpointView } from "../workflow/view.ts";
import type { Command } from "./command.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { pointersOf } from "./exit.ts";
import { runMeant } from "./id-meant.ts";
import { LineBuffer } from "./line-buffer.ts";
import { artifacts } from "./run-artifacts.ts";
import { runDetail } from "./runs.ts";
import { eventLine } from "./event-line.ts";
import { runLogLine } from "./run-text.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { followRun } from "./run-watch.ts";
import { timeOption } from "./time.ts";

/** Checkpoints asked for at once. */
const PAGE = 500;

/** What reads files and YAML is loaded for whoever needs it. */
const DO = {
  submit: async (context: Context) => (await import("./run-submit.ts")).submit(context),
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

/** `orco run <action> …`: work that orco gets done (runs.md), or a one-shot of the stack. */
export async function run(context: Context): Promise<number | undefined> {
  const [action, ...args] = context.args;
  if (action === "one-shot") return (await import("./run-one-shot.ts")).runOneShot({ ...context, args }, Object.keys(DO));
  return DO[action as keyof typeof DO]({ ...context, args });
}

async function show(context: Context): Promise<undefined> {
  const client = await context.client();
  const found = await client.run(await runMeant(context, client));
  context.io.out(context.global.json ? `${JSON.stringify(found)}\n` : `${runDetail(found)}\n`);
  return undefined;
}

async function watch(context: Context): Promise<number> {
  const client = await context.client();
  return followRun(context, client, await runMeant(context, client));
}

async function events(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const client = await context.client();
  const id = await runMeant(context, client);
  await client.run(id);
  const lines = new LineBuffer(io);
  const since = textOption(options, "since");
  const from = since === undefined ? {} : { lastEventId: String(timeOption(since, "--since", Date.now()) - 1) };
  const release = lines.watch();
  for await (const event of client.runEvents(id, { ...from, signal: lines.closed })) {
    lines.push(global.json ? JSON.stringify(event) : eventLine(event));
  }
  release();
  lines.flush();
  lines.check();
  return undefined;
}

async function logs(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const [step, since, tail, level, grep] = ["step", "since", "tail", "level", "grep"].map((name) => textOption(options, name));
  const client = await context.client();
  const id = await runMeant(context, client);
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
  const release = lines.watch();
  for await (const record of records) lines.push(global.json ? JSON.stringify(record) : runLogLine(record, io));
  release();
  lines.flush();
  lines.check();
  return undefined;
}

async function checkpoints(context: Context): Promise<undefined> {
  const client = await context.client();
  const id = await runMeant(context, client);
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
  const client = await context.client();
  const ended = await client.cancelRun(await runMeant(context, client), { force });
  if (context.global.json) context.io.out(`${JSON.stringify(ended)}\n`);
  else context.note(`run ${ended.id} is ${ended.status}`);
  return undefined;
}

async function act(context: Context, action: "pause" | "resume"): Promise<undefined> {
  const client = await context.client();
  const changed = await client.actOnRun(await runMeant(context, client), action);
  if (context.global.json) context.io.out(`${JSON.stringify(changed)}\n`);
  else context.note(`run ${changed.id} is ${changed.status}`);
  return undefined;
}

async function retry(context: Context): Promise<number | undefined> {
  const from = textOption(context.options, "from");
  const client = await context.client();
  const former = await runMeant(context, client);
  const id = await client.retryRun(former, from === undefined ? {} : { from_step: from }).catch((error: unknown) => {
    throw ofFrom(error);
  });
  if (context.options["watch"] === true) return followRun(context, client, id);
  context.io.out(context.global.json ? `${JSON.stringify({ runId: id })}\n` : `${id}\n`);
  context.note(`follow it: orco run watch ${id}`);
  return undefined;
}

/** A step that the run does not have was on the command line. */
function ofFrom(error: unknown): unknown {
  if (!(error instanceof OrcoError) || !pointersOf(error.facts).some(({ pointer }) => pointer === "/from_step")) return error;
  return new OrcoError(error.code, error.message, { ...error.facts, usage: true });
}

async function signal(context: Context): Promise<undefined> {
  const [, name = "", text] = context.args;
  const client = await context.client();
  await client.signalRun(await runMeant(context, client), name, text === undefined ? null : dataOf(text));
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
