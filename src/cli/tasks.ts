import { alignRows } from "../terminal/table.ts";
import { sayAnswer } from "./answer.ts";
import { sayAway } from "./away.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { taskMeant } from "./id-meant.ts";
import { taskRows, waits } from "./inference-text.ts";
import { LineBuffer } from "./line-buffer.ts";
import { narrated } from "./narration.ts";
import { promptGiven, taskOptions } from "./prompt.ts";
import { usageError } from "./exit.ts";

const SHOWN = 20;
const REPLAYED = 20;

const DO = { list, watch, show, submit, cancel };

/** `orco tasks <action>`. */
export async function tasks(context: Context): Promise<undefined> {
  const [action, ...args] = context.args;
  const isWatched = context.options["watch"] === true && action === "list";
  return (isWatched ? watch : DO[action as keyof typeof DO])({ ...context, args });
}

async function list(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const limit = countOf(textOption(options, "limit") ?? String(SHOWN), "--limit", { min: 1, max: 500 });
  const found = await (await context.client()).inference.tasks({ limit });
  if (global.json) io.out(`${JSON.stringify(found)}\n`);
  else if (found.tasks.length === 0) context.note("there is no task; ask for something: orco chat <model>");
  else io.out(`${alignRows(taskRows(found.tasks, Date.now()), io.columns())}\n`);
  return undefined;
}

/** What happens to tasks, pools, nodes and models, in sentences, until Ctrl-C. */
async function watch(context: Context): Promise<undefined> {
  const { io, global } = context;
  const client = await context.client();
  const lines = new LineBuffer(io);
  const release = lines.watch();
  const follow = { topic: "inference,pool/*", replay: REPLAYED, signal: lines.closed, ...sayAway(context) };
  for await (const event of client.events(follow)) lines.push(global.json ? JSON.stringify(event) : narrated(event));
  release();
  lines.flush();
  lines.check();
  return undefined;
}

async function show(context: Context): Promise<undefined> {
  if (context.options["watch"] === true) throw usageError("--watch shows what happens to all tasks; of one: orco tasks show <task>");
  const { inference } = await context.client();
  const task = await inference.task(await taskMeant(context, inference));
  context.io.out(`${JSON.stringify(task, null, context.global.json ? 0 : 2)}\n`);
  return undefined;
}

async function submit(context: Context): Promise<undefined> {
  const { io, global, options, args } = context;
  const [model = "", ...words] = args;
  const prompt = await promptGiven(words);
  if (prompt === undefined) throw usageError(`tasks submit needs a prompt: orco tasks submit ${model} "…", or pipe one in`);
  const { inference } = await context.client();
  const isWaitedFor = options["wait"] === true;
  const accepted = await inference.submitTask({ model_ref: model, prompt, ...taskOptions(context), cancel_on_disconnect: isWaitedFor });
  const { task_id: id, predicted_start_ms: startMs } = accepted;
  if (!isWaitedFor) io.out(global.json ? `${JSON.stringify(accepted)}\n` : `${id}\n`);
  if (!isWaitedFor || startMs > 0) context.note(waits(accepted));
  if (isWaitedFor) await sayAnswer(context, { inference, id, model });
  return undefined;
}

async function cancel(context: Context): Promise<undefined> {
  const { inference } = await context.client();
  const id = await taskMeant(context, inference);
  await inference.cancelTask(id);
  const { state } = await inference.task(id);
  context.note(state === "canceled" ? `task ${id} is canceled` : `task ${id} had ${state} before`);
  return undefined;
}
