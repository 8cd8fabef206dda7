import type { ServiceAction } from "../http/services.ts";
import { seeThrough } from "./change.ts";
import { countOf, type Context } from "./context.ts";
import { usageError } from "./exit.ts";

/** Of one service (stack.md, Limits). */
const MAX_REPLICAS = 100;

export const restart = (context: Context): Promise<number | undefined> => act(context, { action: "restart", service: serviceOf(context) });
export const start = (context: Context): Promise<number | undefined> => act(context, { action: "start", service: serviceOf(context) });
export const stop = (context: Context): Promise<number | undefined> => act(context, { action: "stop", service: serviceOf(context) });
export const promote = (context: Context): Promise<number | undefined> => act(context, { action: "promote", service: serviceOf(context) });
export const abort = (context: Context): Promise<number | undefined> => act(context, { action: "abort", service: serviceOf(context) });

export function scale(context: Context): Promise<number | undefined> {
  const { service, replicas } = parseScale(context.args);
  return act(context, { action: "scale", service, replicas });
}

/** `jobs 3` or `jobs=3`. Errors: usage. */
export function parseScale(args: readonly string[]): { service: string; replicas: number } {
  const [first = "", second] = args;
  const [service = "", inline] = first.split("=", 2);
  const count = inline ?? second;
  if (count === undefined) throw usageError(`scale needs a number of replicas: orco scale ${service} 3`);
  if (inline !== undefined && second !== undefined) throw usageError(`scale ${first} ${second}: name the number once`);
  return { service, replicas: countOf(count, "the number of replicas", { max: MAX_REPLICAS }) };
}

function serviceOf(context: Context): string {
  return context.args[0] ?? "";
}

async function act(context: Context, target: { action: ServiceAction; service: string; replicas?: number }): Promise<number | undefined> {
  const client = await context.client();
  const stack = context.stackName();
  const sinceMs = Date.now();
  const run = await client.act({ stack, ...target });
  return seeThrough(context, client, { run, stack, sinceMs });
}
