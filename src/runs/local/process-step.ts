import { setImmediate } from "node:timers/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../../kernel/errors.ts";
import { Pump } from "../../supervise/logs/pump.ts";
import { loadPunch, type Punch } from "../../supervise/logs/punch.ts";
import type { LaunchSpec, Limits } from "../../supervise/runtime.ts";
import { ProcessRuntime } from "../../supervise/runtimes/process.ts";
import { type RunError, runError } from "../../workflow/run.ts";
import type { StepExecution, StepHandle, StepOutput } from "../ports.ts";
import { runFolder } from "../run-folder.ts";
import { type RunningParts, RunningStep } from "./running-step.ts";
import { stepEnv } from "./step-env.ts";
import { executionsOf, removeFiles, runsWithFiles, StepFiles } from "./step-files.ts";
import type { ReaderPorts } from "./step-reader.ts";

export interface ProcessStepsOptions {
  /** $ORCO_HOME: what belongs to an execution is in `runs/<run>/<execution>/`. */
  readonly home: string;
  readonly clock: Clock;
  /** Of the daemon; a few of it are passed on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly punch?: Punch | undefined;
  /** See `ReaderPorts`; 1 GiB unless given. */
  readonly maxBacklogBytes?: number;
}

const MAX_BACKLOG_BYTES = 1024 * 1024 * 1024;
/** Executions removed before others get their turn. */
const TURN_REMOVALS = 16;

/** Steps as processes below shims of their own: they outlive the daemon, and the next one takes them over. */
export class ProcessSteps {
  private readonly runtime: ProcessRuntime;
  private readonly ports: ReaderPorts;
  /** Runs of the executions that the runtime is asked about just now. */
  private readonly runs = new Map<string, string>();
  private readonly underWay = new Set<RunningStep>();
  private readonly closing = new AbortController();

  constructor(private readonly options: ProcessStepsOptions) {
    const { home, clock, punch = loadPunch(), maxBacklogBytes = MAX_BACKLOG_BYTES } = options;
    // Not among the instances of services: of those a daemon ends what no stack and no app knows.
    const folderOf = (execution: string): string => join(runFolder(home, this.runs.get(execution) ?? ""), execution);
    this.runtime = new ProcessRuntime({ home: join(home, "runs"), clock, folderOf });
    const scratch = { chunk: Buffer.alloc(0) };
    this.ports = { clock, punch, pump: new Pump(clock), scratch, closing: this.closing.signal, maxBacklogBytes };
  }

  /** Never rejects: what cannot be started has failed. */
  async start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    try {
      const files = new StepFiles(this.options.home, execution);
      files.write(execution);
      const launch = launchOf(execution, { files, env: this.options.env });
      const process = await this.within(execution, () => this.runtime.start(launch));
      const parts = { execution: { ...execution, consumed: 0 }, output, process, spools: process.spools, cursor: files.cursor };
      return this.follow(parts);
    } catch (error) {
      return failedStart(error);
    }
  }

  /** Of another boot: `lost`, after what it had written was read. */
  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    const { cursor } = new StepFiles(this.options.home, execution);
    const found = await this.within(execution, () => this.runtime.adopt(execution.execution));
    if (found.kind === "running") return this.follow({ execution, output, cursor, process: found.handle, spools: found.handle.spools });
    if (found.kind === "exited") return this.follow({ execution, output, cursor, exit: found.exit, spools: found.spools });
    return found.spools && this.follow({ execution, output, cursor, spools: found.spools });
  }

  /** Removes what its steps left; its log stays. */
  async forget(run: string): Promise<void> {
    const { home } = this.options;
    if (!existsSync(runFolder(home, run))) return; // its steps were requests and waits
    for (const [at, execution] of executionsOf(home, run).entries()) {
      await this.within({ run, execution }, () => this.runtime.forget(execution));
      if (at % TURN_REMOVALS === TURN_REMOVALS - 1) await setImmediate();
    }
    removeFiles(home, run);
  }

  /** Ends and removes what is left of runs that are not open any more: their daemon died before they were forgotten. */
  async sweep(isOpen: (run: string) => boolean): Promise<void> {
    for await (const run of runsWithFiles(this.options.home)) {
      if (isOpen(run)) continue;
      for (const execution of executionsOf(this.options.home, run)) {
        const found = await this.within({ run, execution }, () => this.runtime.adopt(execution));
        if (found.kind === "running") await found.handle.stop({ signal: "SIGKILL", timeoutMs: 0 });
      }
      if (this.closing.signal.aborted) return;
      await this.forget(run);
    }
  }

  private follow(parts: RunningParts): StepHandle {
    const step = new RunningStep(parts, this.ports);
    this.underWay.add(step);
    void step.ended.then(() => this.underWay.delete(step));
    return step;
  }

  private async within<T>({ run, execution }: Pick<StepExecution, "run" | "execution">, ask: () => Promise<T>): Promise<T> {
    this.runs.set(execution, run);
    try {
      return await ask();
    } finally {
      this.runs.delete(execution);
    }
  }

  /** Stops reading; what runs goes on, and what `ended` promised stays open. */
  close(): void {
    this.closing.abort();
    for (const step of this.underWay) step.close();
    this.ports.pump.close();
    this.runtime.close();
  }
}

function launchOf(
  execution: StepExecution,
  { files, env }: { files: StepFiles; env: Readonly<Record<string, string | undefined>> },
): LaunchSpec {
  const { run, step, spec } = execution;
  return {
    instance: execution.execution,
    stack: run,
    service: step,
    replica: 0,
    argv: spec.command ?? [],
    cwd: spec.workdir ?? files.work,
    env: stepEnv(execution, files, env),
    limits: limitsOf(spec.resources),
  };
}

function limitsOf({ cpu, memory_bytes: memory }: { readonly cpu?: number; readonly memory_bytes?: number } = {}): Limits {
  return { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) };
}

function failedStart(cause: unknown): StepHandle {
  return { ended: Promise.resolve({ kind: "failed", error: startError(cause) }), stop: () => undefined };
}

function startError(error: unknown): RunError {
  if (error instanceof OrcoError) return runError(error);
  const errno = errnoOf(error);
  const code = errno === "ENOSPC" || errno === "EDQUOT" ? "disk_full" : "start_failed";
  return { code, message: `it could not be started: ${messageOf(error)}`, facts: errno === undefined ? {} : { errno } };
}
