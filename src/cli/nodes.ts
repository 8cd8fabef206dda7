import { alignRows } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { nodeRows } from "./inference-text.ts";

const DO = { list, remove };

/** `orco nodes <action>`. */
export async function nodes(context: Context): Promise<undefined> {
  const [action, id = ""] = context.args;
  return DO[action as keyof typeof DO](context, id);
}

async function list(context: Context): Promise<undefined> {
  const found = await (await context.client()).inference.nodes();
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ nodes: found })}\n`);
  else if (found.length === 0) context.note("no node has registered; on another machine: orco node --control <url of this daemon>");
  else io.out(`${alignRows(nodeRows(found, Date.now()), io.columns())}\n`);
  return undefined;
}

async function remove(context: Context, id: string): Promise<undefined> {
  await (await context.client()).inference.removeNode(id);
  context.note(`node ${id} is forgotten; it comes back when it registers again`);
  return undefined;
}
