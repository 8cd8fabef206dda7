import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/event.ts";
import type { RunView } from "../workflow/view.ts";
import type { Context } from "./context.ts";
import { runFailed } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { oneLine } from "../terminal/sanitize.ts";

/** 128 + SIGINT, as a shell says it. */
const INTERRUPTED = 130;

export interface Settle {
  readonly run: RunView;
  readonly stack: string;
  /** When the change was asked for, epoch ms: progress from there on is shown. */
  readonly sinceMs: number;
  readonly signal: AbortSignal;
}

/**
 * What every change does once it is admitted: with `--detach` names the run, else shows progress until it has ended and prints how.
 * Throws (exit 1) when the run failed. Ctrl-C leaves; the run goes on.
 */
export async function seeThrough(
  context: Context,
  client: Client,
  change: { run: RunView; stack: string; sinceMs: number },
): Promise<number | undefined> {
  const { run } = change;
  if (context.options["detach"] === true) return announce(context, run);
  const stop = interrupt();
  try {
    const ended = await settle(context, client, { ...change, signal: stop.signal });
    if (context.global.json) context.io.out(`${JSON.stringify(ended)}\n`);
    succeeded(ended);
    if (!context.global.json) context.note(doneLine(ended));
    return undefined;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    context.note(`run ${run.id} goes on; see it: orco runs ${run.id}, cancel it: orco cancel ${run.id}`);
    return INTERRUPTED;
  } finally {
    stop.release();
  }
}

export function announce({ io, global }: Context, run: RunView): undefined {
  io.out(global.json ? `${JSON.stringify(run)}\n` : `${run.id}\n`);
  return undefined;
}

/** The run as it is when it has ended, its progress shown meanwhile. Rejects when the signal aborts. */
export async function settle(context: Context, client: Client, change: Settle): Promise<RunView> {
  const { io, global } = context;
  const { run, signal } = change;
  if (global.json || global.quiet) return client.waitRun(run.id, { signal });
  const { showEvents, showTable } = await import("./progress.ts");
  const over = new AbortController();
  let warnings: readonly string[] = [];
  const shown = (io.tty ? showTable : showEvents)(context, client, {
    ...change,
    run: run.id,
    signal: AbortSignal.any([signal, over.signal]),
  });
  try {
    const ended = await client.waitRun(run.id, { signal });
    warnings = warningsOf(ended);
    return ended;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "unreachable")
      context.note(`the daemon went away during run ${run.id}; the next one goes on with it`);
    throw error;
  } finally {
    shown.finish(() => over.abort());
    await shown.done;
    for (const warning of warnings) context.note(`warning: ${oneLine(warning)}`);
  }
}

function warningsOf({ result }: RunView): string[] {
  const found = isJsonObject(result) ? result["warnings"] : undefined;
  return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
}

/** Errors: what a run failed of, exit 1. `next`: what the user may do about it. */
export function succeeded(run: RunView, next?: string): void {
  if (run.status === "completed") return;
  // Of one that was canceled the message says by what, and that alone is no sentence: `orco down`.
  const why = [run.status !== "failed" && `it was ${run.status}`, run.error?.message].filter(Boolean).join(": ");
  const chain = run.error?.["chain"];
  const more = Array.isArray(chain) ? chain.filter((one) => typeof one === "string" && !why.includes(one)) : [];
  const diagnostics = run.error?.["diagnostics"];
  const text = [why, ...more].join("\n      ");
  // Somebody else has what it needs: not this change has failed, but the place is taken.
  if (run.kind === "apply" && run.error?.code === "conflict") throw new OrcoError("conflict", text, next === undefined ? {} : { next });
  throw runFailed(text, {
    ...(diagnostics !== undefined && { diagnostics }),
    ...(next !== undefined && run.status === "failed" && { next }),
  });
}

/** It may have ended a moment ago. */
export async function cancelIfUnderWay(client: Client, run: string): Promise<void> {
  try {
    await client.cancelRun(run);
  } catch (error) {
    if (!(error instanceof OrcoError) || !["conflict", "not_found"].includes(error.code)) throw error;
  }
}

function doneLine(run: RunView): string {
  const result = isJsonObject(run.result) ? run.result : {};
  if (typeof result["message"] === "string") return result["message"];
  return result["changes"] === 0 ? "nothing to change" : `${[run.kind, run.service ?? run.stack].filter(Boolean).join(" ")}: done`;
}
