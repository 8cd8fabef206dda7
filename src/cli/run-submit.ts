import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { fileTrouble, OrcoError } from "../kernel/errors.ts";
import type { PlanAnswer } from "../runs/plan-view.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { followRun } from "./run-watch.ts";

const MAX_ALIASES = 100;
const MODES = ["plan", "local", "redis", "k8s"];

/** `orco run submit <file>`: a plan, or the whole body of `POST /runs`, in YAML or JSON; `-` is standard input. */
export async function submit(context: Context): Promise<number | undefined> {
  const { options, io, global } = context;
  const mode = textOption(options, "mode") ?? (options["dryRun"] === true ? "plan" : "local");
  if (!MODES.includes(mode)) throw usageError(`--mode takes one of ${MODES.join(", ")}, not ${JSON.stringify(mode)}`);
  const request = requestOf(context);
  const client = await ensureDaemon(context);
  if (mode === "plan") {
    const plan = await client.planRun(request).catch(ofTheFile);
    io.out(global.json ? `${JSON.stringify({ mode, plan })}\n` : `${planText(plan)}\n`);
    return undefined;
  }
  const key = textOption(options, "idempotencyKey");
  const id = await client.createRun(request, { mode, ...(key !== undefined && { idempotencyKey: key }) }).catch(ofTheFile);
  if (options["watch"] === true) return followRun(context, client, id);
  io.out(global.json ? `${JSON.stringify({ runId: id })}\n` : `${id}\n`);
  context.note(`follow it: orco run watch ${id}`);
  return undefined;
}

export function requestOf(context: Context): Record<string, unknown> {
  const { options } = context;
  const file = context.args[0];
  if (file === undefined) throw usageError("run submit takes a file: a plan or a whole request, in YAML or JSON; - reads standard input");
  const parsed = parsedFile(context, file);
  const request = "steps" in parsed ? { plan: parsed } : parsed;
  const [name, priority, key, input] = ["name", "priority", "key", "input"].map((option) => textOption(options, option));
  return {
    ...request,
    ...(name !== undefined && { name }),
    ...(priority !== undefined && { priority: priorityOf(priority) }),
    ...(key !== undefined && { concurrency_key: key }),
    ...(input !== undefined && { input: jsonOf(input) }),
  };
}

function parsedFile(context: Context, file: string): Record<string, unknown> {
  const value = valueIn(textOf(context, file), file === "-" ? "standard input" : file);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const found = value === null ? "there is nothing" : `this is ${Array.isArray(value) ? "a list" : `a ${typeof value}`}`;
  throw usageError(`${file}: a plan is a mapping with steps; ${found}`);
}

function valueIn(text: string, where: string): unknown {
  const [document, another] = parseAllDocuments(text, { uniqueKeys: true });
  if (another) throw usageError(`${where}: there is more than one document in it; a plan is one`);
  const [wrong] = document?.errors ?? [];
  if (wrong) throw usageError(`${where}: ${wrong.message.split("\n")[0]?.replace(/:$/, "") ?? "it is no YAML"}`);
  try {
    return document?.toJS({ maxAliasCount: MAX_ALIASES }) ?? null;
  } catch {
    throw usageError(`${where}: its aliases (*name) would make more than ${MAX_ALIASES} times of what they stand for`);
  }
}

function textOf({ io }: Context, file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : resolve(io.cwd, file), "utf8");
  } catch (error) {
    throw usageError(`${file}: ${fileTrouble(error)}`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw usageError(`--input takes JSON, such as '{"n": 1}', not ${JSON.stringify(text.slice(0, 80))}`);
  }
}

function priorityOf(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  return sign * countOf(text.replace(/^-/, ""), "--priority", { max: 100 });
}

/** What the daemon refuses was in the file. */
function ofTheFile(error: unknown): never {
  if (error instanceof OrcoError && error.code === "invalid")
    throw new OrcoError("invalid", error.message, { ...error.facts, usage: true });
  throw error;
}

function planText({ levels, warnings }: PlanAnswer): string {
  const rows = levels.map((steps, at) => `${String(at + 1).padStart(3)}  ${steps.join(", ")}`);
  return [...rows, ...warnings.map((warning) => `warning: ${warning}`)].join("\n");
}
