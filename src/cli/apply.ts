import { formatDiagnostics } from "../kernel/diagnostic.ts";
import { seeThrough } from "./change.ts";
import type { Context } from "./context.ts";
import { nearby } from "./exit.ts";
import { planText } from "./plan-text.ts";
import { putRequest } from "./put.ts";

export async function apply(context: Context): Promise<number | undefined> {
  const { options, io, global } = context;
  const { name, body } = putRequest(context);
  const client = await context.client();
  if (options["dry-run"] === true || options["dryRun"] === true) {
    const plan = await client.plan(name, body, { adopt: options["adopt"] === true });
    if (plan.warnings.length > 0 && !global.json) {
      context.note(
        formatDiagnostics(
          plan.warnings.map((one) => nearby(one, io.cwd)),
          { color: io.color },
        ),
      );
    }
    io.out(global.json ? `${JSON.stringify(plan)}\n` : `${planText(plan)}\n`);
    return undefined;
  }
  const sinceMs = Date.now();
  const run = await client.putStack(name, body, { adopt: options["adopt"] === true, queue: options["queue"] === true });
  return seeThrough(context, client, { run, stack: name, sinceMs });
}
