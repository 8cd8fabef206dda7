import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { ContainerState } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { runError } from "../../workflow/run.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput } from "../ports.ts";
import { CursorFile } from "./container-cursor.ts";
import { exitOf } from "../../supervise/docker/exit.ts";
import { ContainerLog } from "./container-log.ts";
import { ContainerStop } from "./container-stop.ts";
import { watchContainer } from "./container-watch.ts";
import { endOf } from "./step-end.ts";
import { StepWords } from "./step-words.ts";

/** Shared by the executions of a runner. */
export interface ContainerRunPorts {
  readonly engine: Engine;
  readonly clock: Clock;
  /** The runner closes: what runs goes on, and nobody reads it here. */
  readonly closing: AbortSignal;
  /** Epoch ms, where docker runs on this machine. */
  readonly bootedAt?: number;
}

export interface ContainerRunParts {
  readonly execution: StepExecution;
  readonly output: StepOutput;
  /** Path of the cursor. */
  readonly cursor: string;
  /** Resolves with the id of a container that was started; rejects when the signal says that it must not be any more. */
  readonly prepare: (signal: AbortSignal) => Promise<string>;
  /** Removes the container and its files. Never rejects. */
  readonly discard: () => Promise<void>;
}

/** Docker restarts within seconds; who waits for it longer than this waits in vain. */
const AWAY_MS = 600_000;
/** The same for a container that should end. */
const AWAY_STOPPED_MS = 30_000;
/** Asking again with the same words is no use. */
const FINAL: ReadonlySet<string> = new Set(["not_found", "invalid", "unsupported"]);

/** One container under way, made or found. */
export class ContainerRun implements StepHandle {
  readonly ended: Promise<StepEnd>;
  private readonly stopping: ContainerStop;
  private readonly words: StepWords;
  private readonly cursor: CursorFile;
  private state: ContainerState | undefined;

  constructor(
    private readonly parts: ContainerRunParts,
    private readonly ports: ContainerRunPorts,
  ) {
    const { execution, output } = parts;
    const { clock, closing } = ports;
    this.stopping = new ContainerStop(ports);
    this.cursor = new CursorFile(parts.cursor, closing);
    const { lastLine } = this.cursor.read();
    this.words = new StepWords({ output, clock, closing, lastLine, onRefused: () => this.stopping.begin(execution.spec.grace_ms) });
    this.ended = this.seeThrough();
  }

  /** What has ended with success stays so; else whoever wants it to end first says how it did. */
  stop(why: "cancel" | "timeout", graceMs: number): void {
    if (this.state?.ExitCode !== 0) this.stopping.why ??= why;
    this.stopping.begin(graceMs);
  }

  release(): void {
    void this.parts.discard();
  }

  private async seeThrough(): Promise<StepEnd> {
    let id: string | undefined;
    try {
      id = await this.parts.prepare(AbortSignal.any([this.stopping.signal, this.ports.closing]));
      this.stopping.started(id);
      return this.endOf(await this.watch(id));
    } catch (error) {
      if (this.ports.closing.aborted) return new Promise(() => undefined); // the next daemon finds it
      if (id === undefined) await this.parts.discard();
      return this.endAfter(error, id);
    } finally {
      this.stopping.ended();
    }
  }

  private watch(id: string): Promise<ContainerState | undefined> {
    const { engine, clock, closing: signal } = this.ports;
    return watchContainer(id, {
      engine,
      clock,
      signal,
      log: this.logOf(id),
      patienceMs: () => (this.stopping.signal.aborted ? AWAY_STOPPED_MS : AWAY_MS),
      onAway: ({ message }) => this.say("warn", `waiting for docker, the container may go on meanwhile: ${message}`),
      onExit: (state) => {
        this.state = state;
      },
    });
  }

  private logOf(id: string): ContainerLog {
    const { consumed, api } = this.parts.execution;
    const cursor = this.cursor.read();
    const stdout = consumed > cursor.stdout.offset ? { offset: consumed, midline: false } : cursor.stdout;
    return new ContainerLog(this.ports.engine, id, {
      position: { ...cursor, stdout },
      redactor: api && new Redactor([api.token]),
      // What was read ahead as the runner closes is the next reader's.
      line: ({ stream, ...line }) =>
        this.ports.closing.aborted ? new Promise(() => undefined) : this.words.take({ ...line, source: stream }),
      reached: (position) =>
        this.cursor.reached({ ...position, ...(this.words.lastLine !== undefined && { lastLine: this.words.lastLine }) }),
    });
  }

  private endOf(state: ContainerState | undefined): StepEnd {
    const { why, graceMs } = this.stopping;
    const { refused, lastLine } = this.words;
    const { timeout_ms: timeoutMs, resources } = this.parts.execution.spec;
    const exit = state && exitOf(state, this.ports.bootedAt);
    if (!state && !why && !refused) return { kind: "lost", message: "its container was removed by somebody else" };
    return endOf({
      ...(exit && { exit }),
      ...(why && { stopped: why, graceMs }),
      ...(refused && { refused }),
      ...(lastLine !== undefined && { lastLine }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(resources?.memory_bytes !== undefined && { memoryBytes: resources.memory_bytes }),
    });
  }

  private endAfter(error: unknown, id: string | undefined): StepEnd {
    if (this.stopping.why) return this.endOf(undefined);
    if (id !== undefined) return { kind: "lost", message: messageOf(error) };
    const known =
      error instanceof OrcoError ? runError(error) : { code: "start_failed", message: `it could not be started: ${messageOf(error)}` };
    return { kind: "failed", error: known, ...(FINAL.has(known.code) && { final: true }) };
  }

  private say(level: string, message: string): void {
    this.parts.output.log({ at: this.ports.clock.now(), source: "orco", level, message });
  }
}
