import { OrcoError } from "../kernel/errors.ts";
import { formatSpan } from "../kernel/duration.ts";
import type { CommandResult } from "./command.ts";
import type { CommandRun } from "./runtime.ts";

export interface HookSpec extends Omit<CommandRun, "argv"> {
  /** preStart, stop.command, …: for the message. */
  readonly name: string;
  readonly command: readonly string[];
}

/** Carries out a command where the service is. */
export type RunCommand = (run: CommandRun) => Promise<CommandResult>;

/**
 * Runs a hook (or a stop command) to its end and returns the last 4 KiB of its output.
 * Throws `hook_failed` (facts: name, command, output, code or signal) when it cannot start, exits other than 0, or takes too long.
 */
export async function runHook({ name, command, ...spec }: HookSpec, run: RunCommand): Promise<string> {
  const result = await run({ ...spec, argv: command }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new OrcoError("hook_failed", `${name}: ${why}`, { name, command }, { cause: error });
  });
  if (result.ended === "exited" && result.code === 0) return result.output;
  const facts = { name, command, output: result.output, code: result.code, signal: result.signal };
  throw new OrcoError("hook_failed", `${name} ${failureOf(result, spec.timeoutMs)}${lastLine(result.output)}`, facts);
}

function failureOf(result: CommandResult, timeoutMs: number): string {
  if (result.ended === "timeout") return `timed out after ${formatSpan(timeoutMs)}`;
  if (result.ended === "cancelled") return "was cancelled";
  return result.signal === undefined ? `exited ${result.code ?? "?"}` : `was killed by ${result.signal}`;
}

function lastLine(output: string): string {
  const line = output.split("\n").at(-1)?.trim();
  return line ? `: ${line}` : "";
}
