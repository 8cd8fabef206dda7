import { type Clock, systemClock } from "../../kernel/clock.ts";
import type { CommandResult } from "../command.ts";
import type { Engine } from "./engine.ts";
import { createExec, type ExecSpec, inspectExec } from "./exec-calls.ts";
import { hasRun, neverRan, startRefused } from "./exec-refusal.ts";
import { killExec, killHere, markOf } from "./exec-kill.ts";
import { FrameReader } from "./frames.ts";

/** How much of the output is kept: its end. */
const OUTPUT_BYTES = 4096;
/** How long the end of a killed command is waited for. */
const END_MS = 2000;
const CANCELLED: CommandResult = { ended: "cancelled", output: "", whole: true };

export interface ExecRun extends Omit<ExecSpec, "tty" | "stdin"> {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Main process of the container, where docker runs on this machine: what the command leaves behind is found below it. */
  readonly pid?: number | undefined;
  readonly clock?: Clock;
}

/**
 * Runs a command in a running container to its end, the timeout or the signal; nothing of it is left then.
 * Rejects with `executable_not_found`, `start_failed`, `conflict` when the container does not run, or as `Engine` does.
 */
export async function execInContainer(engine: Engine, container: string, run: ExecRun): Promise<CommandResult> {
  const { timeoutMs, signal, clock = systemClock(), pid } = run;
  if (signal?.aborted) return CANCELLED;
  const mark = crypto.randomUUID();
  const exec = await createExec(engine, container, { ...run, env: { ...run.env, ...markOf(mark) } }).catch((error: unknown) => {
    // It has not been started, and never will be.
    if (!signal?.aborted) throw error;
  });
  if (exec === undefined || signal?.aborted) return CANCELLED;
  const output = new Output(engine, exec);
  const ended = await firstEnd(output.read, { timeoutMs, signal, clock }).catch((error: unknown) => {
    throw startRefused(error, run);
  });
  if (ended !== "exited") await killExec(engine, { exec, container, mark, pid });
  else if (pid !== undefined) await killHere([pid], mark);
  const whole = await Promise.race([output.read.then(() => true), clock.sleep(END_MS).then(() => false)]);
  output.close();
  const state = await inspectExec(engine, exec);
  const { ExitCode } = state;
  if (ended === "exited" && ExitCode !== null && !(await hasRun(engine, state, output.text))) throw neverRan(run, output.text);
  return { ended, ...(ExitCode !== null && { code: ExitCode }), output: output.text, whole };
}

async function firstEnd(
  read: Promise<void>,
  { timeoutMs, signal, clock }: { timeoutMs: number; signal: AbortSignal | undefined; clock: Clock },
): Promise<CommandResult["ended"]> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult["ended"]>();
  const cancel = clock.after(timeoutMs, () => resolve("timeout"));
  const onAbort = (): void => resolve("cancelled");
  signal?.addEventListener("abort", onAbort, { once: true });
  read.then(() => resolve("exited"), reject);
  try {
    return await promise;
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The last 4 KiB of what an exec writes; it starts with the reading. */
class Output {
  readonly read: Promise<void>;
  private readonly leaving = new AbortController();
  private kept: Buffer = Buffer.alloc(0);
  private closed = false;

  constructor(engine: Engine, exec: string) {
    this.read = this.readAll(engine, exec);
    // Looked at when the command is over.
    this.read.catch(() => undefined);
  }

  get text(): string {
    return this.kept.toString("utf8").trim();
  }

  close(): void {
    this.closed = true;
    this.leaving.abort();
  }

  private async readAll(engine: Engine, exec: string): Promise<void> {
    const body = { Detach: false, Tty: false };
    const reader = new FrameReader();
    try {
      for await (const chunk of engine.stream("POST", `/exec/${exec}/start`, { body, signal: this.leaving.signal }))
        for (const { data } of reader.take(chunk)) this.kept = Buffer.concat([this.kept, data]).subarray(-OUTPUT_BYTES);
    } catch (error) {
      if (!this.closed) throw error;
    }
  }
}
