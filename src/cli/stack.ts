import type { StackSummary } from "../stack/view.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { status } from "./status.ts";

/** `orco stack list`, `orco stack show NAME`. */
export async function stack(context: Context): Promise<undefined> {
  const [action, name] = context.args;
  if (action === "show" && name !== undefined) return show(context, name);
  return list(context);
}

async function list(context: Context): Promise<undefined> {
  const { io, global } = context;
  const stacks = await (await context.client()).stacks();
  if (global.json) io.out(`${JSON.stringify({ stacks })}\n`);
  else if (stacks.length === 0) context.note("no stack is up; orco up starts the one of the stack.yaml here");
  else io.out(`${alignRows([["STACK", "SERVICES", "READY", "FILE"], ...stacks.map(rowOf)], io.columns())}\n`);
  return undefined;
}

function rowOf({ stack: name, services, ready, file }: StackSummary): string[] {
  return [name, String(services), String(ready), oneLine(file ?? "-")];
}

/** The table of any stack, whatever file is here. */
function show(context: Context, name: string): Promise<undefined> {
  return status({ ...context, stackName: () => name });
}
