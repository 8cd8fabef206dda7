import type { CancelTimer } from "../../kernel/clock.ts";
import type { Exit, Handle } from "../../supervise/runtime.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput } from "../ports.ts";
import { endOf } from "./step-end.ts";
import { type ReaderPorts, StepReader } from "./step-reader.ts";

export interface RunningParts {
  readonly execution: StepExecution;
  readonly output: StepOutput;
  readonly spools: { readonly stdout: string; readonly stderr: string };
  readonly cursor: string;
  /** Absent when it has ended already: then `exit` says how, unless the machine was restarted. */
  readonly process?: Handle;
  readonly exit?: Exit;
}

/** One execution under way: its process, and what it writes. */
export class RunningStep implements StepHandle {
  readonly ended: Promise<StepEnd>;
  private readonly reader: StepReader;
  private exit: Exit | undefined;
  private stopped: "cancel" | "timeout" | undefined;
  private readonly force = new AbortController();
  /** Monotonic ms. */
  private killAt = Infinity;
  private graceMs = 0;
  private cancelKill: CancelTimer | undefined;

  constructor(
    private readonly parts: RunningParts,
    private readonly ports: ReaderPorts,
  ) {
    const { execution, output, spools, cursor } = parts;
    this.exit = parts.exit;
    const onRefused = (): void => this.endProcess(execution.spec.grace_ms);
    this.reader = new StepReader({ execution, output, spools, cursor, onRefused }, ports);
    this.ended = this.seeThrough();
  }

  /** What has ended with success stays so; else whoever wants it to end first says how it did. */
  stop(why: "cancel" | "timeout", graceMs: number): void {
    if (this.exit?.code !== 0) this.stopped ??= why;
    this.endProcess(graceMs);
  }

  /** Stops reading. */
  close(): void {
    this.reader.close();
  }

  private async seeThrough(): Promise<StepEnd> {
    const { process, execution } = this.parts;
    if (process) this.exit = await process.exited;
    this.cancelKill?.();
    await this.reader.drained();
    this.close();
    const { spec } = execution;
    const { lastLine, refused } = this.reader.words;
    return endOf({
      ...(this.exit && { exit: this.exit }),
      ...(this.stopped && { stopped: this.stopped, graceMs: this.graceMs }),
      ...(refused && { refused }),
      ...(lastLine !== undefined && { lastLine }),
      ...(spec.timeout_ms !== undefined && { timeoutMs: spec.timeout_ms }),
      ...(spec.resources?.memory_bytes !== undefined && { memoryBytes: spec.resources.memory_bytes }),
    });
  }

  /** The first call asks and kills after its grace; a later one can only bring the kill nearer. */
  private endProcess(graceMs: number): void {
    const { process } = this.parts;
    const { clock } = this.ports;
    const killAt = clock.monotonic() + graceMs;
    if (!process || this.exit || killAt >= this.killAt) return;
    const isFirst = this.killAt === Infinity;
    this.killAt = killAt;
    this.graceMs = graceMs;
    if (isFirst) return void process.stop({ signal: "SIGTERM", timeoutMs: graceMs }, this.force.signal);
    this.cancelKill?.();
    this.cancelKill = clock.after(graceMs, () => this.force.abort());
  }
}
