import type { Client } from "../client/client.ts";
import { bringDown } from "./bring-down.ts";
import { settle, succeeded } from "./change.ts";
import type { Context } from "./context.ts";
import { report } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { liveViews } from "../client/live-views.ts";
import type { ForegroundChange } from "./foreground-change.ts";
import { overAs } from "./over.ts";
import { printLogs } from "./logs.ts";

/** `up` without `-d`: progress, then logs, until Ctrl-C brings the stack down, another terminal does, or all its services have ended. */
export async function foreground(context: Context, client: Client, change: ForegroundChange): Promise<number> {
  if (await onScreen(context)) return (await import("./foreground-screen.ts")).foregroundScreen(context, client, change);
  const stop = interrupt();
  const watch = change.watch?.((text) => context.note(text));
  try {
    await begin(context, client, { ...change, signal: stop.signal });
    const over = await logsUntilOver(context, client, { ...change, signal: stop.signal });
    if (!stop.signal.aborted) {
      context.note(over === "gone" ? `stack ${change.stack} was taken down` : `all services of ${change.stack} have ended`);
      return over === "failed" ? 1 : 0;
    }
  } catch (error) {
    if (!stop.signal.aborted) {
      context.note(`what runs stays up; see it: orco status, take it down: orco down`);
      throw error;
    }
  } finally {
    await watch?.close();
    if (!stop.signal.aborted) stop.release();
  }
  await bringDown(client, { stack: change.stack, run: change.run.id, stop, say: (text) => context.note(text) });
  return 0;
}

async function onScreen({ io, global }: Context): Promise<boolean> {
  return io.tty && !global.json && !global.quiet && (await import("../tui/terminal.ts")).isScreen(io.env);
}

async function begin(context: Context, client: Client, change: ForegroundChange & { signal: AbortSignal }): Promise<void> {
  const ended = await settle(context, client, change);
  try {
    succeeded(ended);
  } catch (error) {
    if (!change.watch) throw error;
    report(error, context.io);
  }
}

type Over = "gone" | "ended" | "failed";

async function logsUntilOver(
  context: Context,
  client: Client,
  { stack, sinceMs, signal, watch }: ForegroundChange & { signal: AbortSignal },
): Promise<Over> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const printing = printLogs(context, (closed) =>
    client.logs(stack, { query: { follow: true, sinceMs }, signal: AbortSignal.any([both, closed]) }),
  );
  const watching = untilOver(client, stack, { signal: both, stays: watch !== undefined });
  try {
    // Printing ends first only when nobody reads it any more.
    const first = await Promise.race([watching, printing.then(() => undefined)]);
    return first ?? "ended";
  } finally {
    over.abort();
    await printing.catch(() => undefined);
  }
}

async function untilOver(client: Client, stack: string, { signal, stays }: { signal: AbortSignal; stays: boolean }): Promise<Over> {
  for await (const view of liveViews(client, { stack, signal })) {
    const over = stays ? undefined : overAs(view);
    if (over !== undefined) return over;
  }
  return "gone";
}
