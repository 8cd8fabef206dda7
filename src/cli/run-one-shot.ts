import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import { didYouMean } from "../kernel/nearest.ts";
import type { LogQuery } from "../supervise/logs/record.ts";
import type { RunView } from "../workflow/view.ts";
import { announce, cancelIfUnderWay, succeeded } from "./change.ts";
import { optionalStackName, type Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { printLogs } from "./logs.ts";

/** 128 + SIGINT, as a shell says it. */
const INTERRUPTED = 130;

/** `orco run migrate`: its log as it comes, then its exit code. Ctrl-C stops it. `actions`: what else the word could have meant. */
export async function runOneShot(context: Context, actions: readonly string[]): Promise<number | undefined> {
  const [service = ""] = context.args;
  const stack = optionalStackName(context);
  if (stack === undefined) throw neither(service, actions);
  const client = await context.client();
  const sinceMs = Date.now();
  const run = await client.act({ stack, service, action: "run" }).catch((error: unknown) => {
    throw explained(error, service, actions);
  });
  if (context.options["detach"] === true) return announce(context, run);
  return follow(context, client, { run, service, stack, sinceMs });
}

interface OneShot {
  readonly run: RunView;
  readonly service: string;
  readonly stack: string;
  readonly sinceMs: number;
}

async function follow(context: Context, client: Client, { run, service, stack, sinceMs }: OneShot): Promise<number | undefined> {
  const stop = interrupt();
  const over = new AbortController();
  const after: Record<string, number> = {};
  const print = (query: LogQuery, signal?: AbortSignal): Promise<void> =>
    printLogs(context, (closed) =>
      counted(client.logs(stack, { services: [service], query, signal: signal ? AbortSignal.any([closed, signal]) : closed }), after),
    );
  const printing = print({ follow: true, sinceMs }, AbortSignal.any([over.signal, stop.signal]));
  // Looked at below.
  printing.catch(() => undefined);
  try {
    const ended = await client.waitRun(run.id, { signal: stop.signal });
    over.abort();
    await printing;
    // Its last lines may have come with its end.
    await print({ sinceMs, after });
    return exitCode(ended);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    // A second Ctrl-C does not wait for that.
    stop.release();
    await cancelIfUnderWay(client, run.id);
    context.note(`${service} was stopped`);
    return INTERRUPTED;
  } finally {
    over.abort();
    stop.release();
  }
}

async function* counted<T extends { readonly service: string; readonly seq: number }>(
  records: AsyncIterable<T>,
  last: Record<string, number>,
): AsyncGenerator<T> {
  for await (const record of records) {
    if (record.seq > 0) last[record.service] = record.seq;
    yield record;
  }
}

/** Its own where it has one; why it failed is in its log. */
function exitCode(run: RunView): number | undefined {
  const code = run.error?.["exit_code"];
  if (typeof code === "number" && code !== 0) return code;
  succeeded(run);
  return undefined;
}

/** The word was none of the actions and is no service either. */
function explained(error: unknown, word: string, actions: readonly string[]): unknown {
  if (!(error instanceof OrcoError)) return error;
  const action = didYouMean(word, actions);
  if (error.code === "unreachable" && action !== undefined) return neither(word, actions);
  if (error.code !== "not_found" || error.facts["service"] === undefined || action === undefined) return error;
  return new OrcoError("not_found", `${error.message}; of the actions of run, ${action}`, error.facts);
}

function neither(word: string, actions: readonly string[]): OrcoError {
  const hint = didYouMean(word, actions);
  const meant = hint === undefined ? "" : ` (${hint})`;
  return usageError(
    `${JSON.stringify(word)} is no action of run${meant}: it takes ${actions.join(", ")}; and there is no stack here whose one-shot it could be`,
  );
}
