import type { Context } from "./context.ts";

/** The one command that takes everything down: every stack, then the daemon. */
export async function shutdown(context: Context): Promise<undefined> {
  await (await context.client()).shutdown();
  if (context.global.json) context.io.out(`${JSON.stringify({ ok: true })}\n`);
  else context.note("everything is down");
  return undefined;
}
