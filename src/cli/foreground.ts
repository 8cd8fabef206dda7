import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { StackView } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";
import { settle, succeeded } from "./change.ts";
import type { Context } from "./context.ts";
import { report } from "./exit.ts";
import { interrupt, type Interrupt } from "./interrupt.ts";
import { liveViews } from "../client/live-views.ts";
import { printLogs } from "./logs.ts";
import type { Watch } from "./watch/watch.ts";

interface Change {
  readonly run: RunView;
  readonly stack: string;
  readonly sinceMs: number;
  /** Its files are watched: what has ended or failed may start again with the next change. */
  readonly watch?: Watch;
}

/** `up` without `-d`: progress, then logs, until Ctrl-C brings the stack down, another terminal does, or all its services have ended. */
export async function foreground(context: Context, client: Client, change: Change): Promise<number> {
  const stop = interrupt();
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
    if (!stop.signal.aborted) stop.release();
  }
  return bringDown(context, client, { ...change, stop });
}

async function begin(context: Context, client: Client, change: Change & { signal: AbortSignal }): Promise<void> {
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
  { stack, sinceMs, signal, watch }: Change & { signal: AbortSignal },
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
    if (!stays && isOver(view)) return view.services.some((service) => service.state === "Failed") ? "failed" : "ended";
  }
  return "gone";
}

/** Nothing of it runs or will run again by itself. */
export function isOver(view: StackView): boolean {
  return view.services.every(({ state, replicas }) => replicas.live === 0 && (state === "Stopped" || state === "Failed"));
}

async function bringDown(context: Context, client: Client, { run, stack, stop, watch }: Change & { stop: Interrupt }): Promise<number> {
  await watch?.close();
  context.note(`\nstopping ${stack} (Ctrl-C again: kill it at once)`);
  try {
    await cancelIfUnderWay(client, run.id);
    const down = await client.deleteStack(stack, { queue: true });
    try {
      const ended = await client.waitRun(down.id, { signal: stop.again });
      succeeded(ended);
    } catch (error) {
      if (!stop.again.aborted) throw error;
      stop.release();
      context.note(`killing ${stack}`);
      await cancelIfUnderWay(client, down.id);
      succeeded(await client.waitRun((await client.deleteStack(stack, { force: true, queue: true })).id));
    }
    return 0;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return 0;
    throw error;
  } finally {
    stop.release();
  }
}

async function cancelIfUnderWay(client: Client, run: string): Promise<void> {
  try {
    await client.cancelRun(run);
  } catch (error) {
    if (!(error instanceof OrcoError) || !["conflict", "not_found"].includes(error.code)) throw error;
  }
}
