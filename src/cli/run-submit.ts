import type { PlanAnswer } from "../runs/plan-view.ts";
import { type Context, textOption } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { type PlanFile, readPlanFile } from "./plan-file.ts";
import { followRun } from "./run-watch.ts";

const USAGE = "it takes a file: a plan or a whole request, in YAML or JSON";
const MAX_PRIORITY = 100;
const MODES = ["plan", "local", "redis", "k8s"];

/** `orco run submit <file>`: a plan, or the whole body of `POST /runs`, in YAML or JSON; `-` is standard input. */
export async function submit(context: Context): Promise<number | undefined> {
  const { options, io, global } = context;
  const mode = textOption(options, "mode") ?? (options["dryRun"] === true ? "plan" : "local");
  if (!MODES.includes(mode)) throw usageError(`--mode takes one of ${MODES.join(", ")}, not ${JSON.stringify(mode)}`);
  const { request, placed } = requestOf(context);
  const refused = (error: unknown): never => {
    throw placed(error);
  };
  const client = await ensureDaemon(context);
  if (mode === "plan") {
    const plan = await client.planRun(request).catch(refused);
    io.out(global.json ? `${JSON.stringify({ mode, plan })}\n` : `${planText(plan)}\n`);
    return undefined;
  }
  const key = textOption(options, "idempotencyKey");
  const id = await client.createRun(request, { mode, ...(key !== undefined && { idempotencyKey: key }) }).catch(refused);
  if (options["watch"] === true) return followRun(context, client, id);
  io.out(global.json ? `${JSON.stringify({ runId: id })}\n` : `${id}\n`);
  context.note(`follow it: orco run watch ${id}`);
  return undefined;
}

/** What is submitted, and for what the daemon says of it the places in the file. */
export function requestOf(context: Context): PlanFile {
  const { options } = context;
  const [file, more] = context.args;
  if (file === undefined) throw usageError(`${USAGE}; - reads standard input`);
  if (more !== undefined) throw usageError(`${USAGE}, one at a time, not also ${JSON.stringify(more)}`);
  const { request, placed } = readPlanFile(context, file);
  const [name, priority, key, input] = ["name", "priority", "key", "input"].map((option) => textOption(options, option));
  const given = {
    ...request,
    ...(name !== undefined && { name }),
    ...(priority !== undefined && { priority: priorityOf(priority) }),
    ...(key !== undefined && { concurrency_key: key }),
    ...(input !== undefined && { input: jsonOf(input) }),
  };
  return { request: given, placed };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw usageError(`--input takes JSON, such as '{"n": 1}', not ${JSON.stringify(text.slice(0, 80))}`);
  }
}

function priorityOf(text: string): number {
  if (/^-?\d{1,3}$/.test(text) && Math.abs(Number(text)) <= MAX_PRIORITY) return Number(text);
  throw usageError(`--priority takes a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, not ${JSON.stringify(text)}`);
}

function planText({ levels, warnings }: PlanAnswer): string {
  const rows = levels.map((steps, at) => `${String(at + 1).padStart(3)}  ${steps.join(", ")}`);
  return [...rows, ...warnings.map((warning) => `warning: ${warning}`)].join("\n");
}
