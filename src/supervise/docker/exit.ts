import { constants } from "node:os";
import type { ContainerState } from "./containers.ts";
import type { Exit } from "../runtime.ts";

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
const SIGNALED = 128;

/**
 * How a container ended; undefined when it ran as the machine went down: then its exit code is docker's guess.
 * `bootedAt`: epoch ms of this machine's start, where docker runs on it.
 */
export function exitOf(state: ContainerState, bootedAt?: number): Exit | undefined {
  const [started, finished] = [Date.parse(state.StartedAt), Date.parse(state.FinishedAt)];
  if (bootedAt !== undefined && started < bootedAt && !(finished < bootedAt && finished >= started)) return undefined;
  const code = state.ExitCode;
  const signal = SIGNALS.get(code - SIGNALED);
  const reason = state.OOMKilled ? "oom_killed" : signal === undefined ? "exited" : "signaled";
  return { code, reason, at: finished, ...(signal !== undefined && { signal }) };
}

/** Epoch ms; undefined where /proc does not tell. Source: proc_stat(5), `btime`. */
export function bootTime(stat: string): number | undefined {
  const seconds = /^btime (\d+)$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
