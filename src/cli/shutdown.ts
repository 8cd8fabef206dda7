import { OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";
import { daemonPid } from "./unreachable.ts";

const ENDS_WITHIN_MS = 5000;
const POLL_MS = 10;

/** The one command that takes everything down: every stack, then the daemon. Returns when the daemon's process has ended. */
export async function shutdown(context: Context): Promise<undefined> {
  const client = await context.client();
  const pid = daemonPid(context.home);
  await client.shutdown();
  if (pid !== undefined) await ended(context.home, pid);
  if (context.global.json) context.io.out(`${JSON.stringify({ ok: true })}\n`);
  else context.note("everything is down");
  return undefined;
}

async function ended(home: string, pid: number): Promise<void> {
  const deadline = performance.now() + ENDS_WITHIN_MS;
  while (daemonPid(home) === pid) {
    if (performance.now() > deadline) throw new OrcoError("timeout", `all stacks are down, but the daemon (pid ${pid}) has not ended`);
    await Bun.sleep(POLL_MS);
  }
}
