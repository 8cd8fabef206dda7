import { formatSpan } from "../../kernel/duration.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { CommandResult } from "../command.ts";
import type { CommandProbe, ProbeResult } from "../health.ts";
import type { RunCommand } from "../hook.ts";
import type { Probe, ProbePorts } from "./probe.ts";

export interface CommandProbePorts extends ProbePorts {
  readonly run: RunCommand;
}

/** Ready when the command exits 0. It and what it started are gone when the probe is over. */
export function commandProbe({ command, timeoutMs: own }: CommandProbe, { timeoutMs: shared, clock, run }: CommandProbePorts): Probe {
  const timeoutMs = own ?? shared;
  const name = `cmd ${command[0] ?? ""}`;
  return async (signal): Promise<ProbeResult> => {
    const began = clock.monotonic();
    try {
      const result = await run({ argv: command, timeoutMs, ...(signal && { signal }) });
      const ok = result.ended === "exited" && result.code === 0;
      return { ok, detail: `${name} ${endOf(result, timeoutMs)}${outputOf(result)}`, latencyMs: clock.monotonic() - began };
    } catch (error) {
      return { ok: false, detail: `${name}: ${messageOf(error)}`, latencyMs: clock.monotonic() - began };
    }
  };
}

function endOf({ ended, code, signal }: CommandResult, timeoutMs: number): string {
  if (ended === "timeout") return `timed out after ${formatSpan(timeoutMs)}`;
  return code === undefined ? `killed by ${signal ?? "a signal"}` : `exit ${code}`;
}

function outputOf({ output }: CommandResult): string {
  return output === "" ? "" : `: ${output}`;
}
