import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { StackView } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";
import { announce, settle, succeeded } from "./change.ts";
import { textOption, type Context, type Options } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { putRequest } from "./put.ts";
import { durationOption } from "./time.ts";

const WAIT_TIMEOUT = "5m";
/** How long `-d` waits for the stack to be there. */
const BEGUN_MS = 5000;

export async function up(context: Context): Promise<number | undefined> {
  const { options } = context;
  const given = textOption(options, "timeout");
  if (given !== undefined && options["wait"] !== true) throw usageError("--timeout needs --wait");
  if (options["watch"] === true) refuseWatch(options);
  const timeoutMs = durationOption(given ?? WAIT_TIMEOUT, "--timeout");
  const { name, body } = putRequest(context);
  const client = await ensureDaemon(context);
  const sinceMs = Date.now();
  const run = await client.putStack(name, { ...body, start: true }, { adopt: options["adopt"] === true, queue: options["queue"] === true });
  const change = { run, stack: name, sinceMs };
  if (options["wait"] === true) return waitReady(context, client, { ...change, timeoutMs });
  if (options["detach"] === true) {
    // Behind another change it may wait for long.
    const waits = options["queue"] === true && (await isThere(client, name));
    if (!waits) await begun(client, run);
    return announce(context, run);
  }
  const { foreground } = await import("./foreground.ts");
  if (options["watch"] !== true) return foreground(context, client, change);
  const { watchStack } = await import("./watch/watch.ts");
  return foreground(context, client, { ...change, watch: (note) => watchStack(context, client, { stack: name, note }) });
}

/** Whoever asks about the stack next finds it, and what failed before that is told; a docker that takes its time is not waited for. */
async function begun(client: Client, run: RunView): Promise<void> {
  const signal = AbortSignal.timeout(BEGUN_MS);
  try {
    for await (const { type, step } of client.runEvents(run.id, { signal })) if (type === "step.completed" && step === "desired") return;
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  if (!signal.aborted) succeeded(await client.run(run.id));
}

async function isThere(client: Client, name: string): Promise<boolean> {
  return (await client.stacks()).some(({ stack }) => stack === name);
}

function refuseWatch({ detach, wait }: Options): void {
  if (detach !== true && wait !== true) return;
  const other = detach === true ? "-d" : "--wait";
  throw usageError(
    `--watch and ${other} exclude each other: files are watched by this very command, as long as it stays in the foreground`,
  );
}

interface Waiting {
  readonly run: RunView;
  readonly stack: string;
  readonly sinceMs: number;
  readonly timeoutMs: number;
}

async function waitReady(context: Context, client: Client, { run, stack, sinceMs, timeoutMs }: Waiting): Promise<number | undefined> {
  const stop = interrupt();
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const ended = await settle(context, client, { run, stack, sinceMs, signal: AbortSignal.any([stop.signal, late]) });
    if (context.global.json) context.io.out(`${JSON.stringify(ended)}\n`);
    succeeded(ended);
    if (!context.global.json) context.note(`${stack} is ready`);
    return undefined;
  } catch (error) {
    if (stop.signal.aborted) {
      context.note(`${stack} goes on; see it: orco status, take it down: orco down`);
      return 130;
    }
    if (!late.aborted) throw error;
    const chain = blockedChain(await client.stack(stack));
    const head = `${stack} is not ready after ${textOption(context.options, "timeout") ?? WAIT_TIMEOUT}; it goes on trying`;
    throw new OrcoError("timeout", [head, ...chain].join("\n      "));
  } finally {
    stop.release();
  }
}

/** One line for each service that is not ready and should be, as its message says why. */
export function blockedChain(view: StackView): string[] {
  return view.services
    .filter((service) => !service.ready && !service.schedule && !(service.state === "Stopped" && service.message === "completed"))
    .map((service) => `${service.service} ${service.state === "Failed" ? "failed" : "blocked"}: ${service.message || service.state}`);
}
