import { seeThrough } from "./change.ts";
import type { Context } from "./context.ts";

export async function down(context: Context): Promise<number | undefined> {
  const client = await context.client();
  const stack = context.stackName();
  const sinceMs = Date.now();
  const run = await client.deleteStack(stack, { force: context.options["force"] === true, volumes: context.options["volumes"] === true });
  return seeThrough(context, client, { run, stack, sinceMs });
}
