import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { levelNamed, levelOfText } from "../../supervise/logs/level.ts";
import type { Pump } from "../../supervise/logs/pump.ts";
import type { Punch } from "../../supervise/logs/punch.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { Spool } from "../../supervise/logs/spool.ts";
import type { StepExecution, StepOutput } from "../ports.ts";
import { parseStepLine } from "../protocol.ts";
import { acknowledged } from "./acknowledge.ts";
import { readCursor, writeCursor } from "./read-cursor.ts";
import { type Scratch, StepStream, type StreamOptions } from "./step-stream.ts";

/** Shared by the executions of a runner. */
export interface ReaderPorts {
  readonly clock: Clock;
  readonly pump: Pump;
  readonly punch: Punch | undefined;
  readonly scratch: Scratch;
  /** The runner closes: what runs goes on, and nobody reads it here. */
  readonly closing: AbortSignal;
}

export interface ReaderOptions {
  readonly execution: StepExecution;
  readonly output: StepOutput;
  readonly spools: { readonly stdout: string; readonly stderr: string };
  /** Path of the cursor. */
  readonly cursor: string;
  /** What it said was refused for good: it should be ended. */
  readonly onRefused: () => void;
}

/** Bytes of both spools together that are freed at a time. */
const FREE_BYTES = 512 * 1024;
const SOURCES = ["stdout", "stderr"] as const;
type SourceName = (typeof SOURCES)[number];

/** Reads what an execution writes, hands it on message by message, and frees what was taken. */
export class StepReader {
  private readonly spools: Readonly<Record<SourceName, Spool>>;
  private readonly streams: Readonly<Record<SourceName, StepStream>>;
  private line: string | undefined;
  private refusal: OrcoError | undefined;
  private freed: number;
  private freeing = false;

  constructor(
    private readonly options: ReaderOptions,
    private readonly ports: ReaderPorts,
  ) {
    const { execution, spools } = options;
    const { punch, pump } = ports;
    const cursor = readCursor(options.cursor);
    this.line = cursor.lastLine;
    this.freed = cursor.stdout.offset + cursor.stderr.offset;
    this.spools = { stdout: new Spool(spools.stdout, punch), stderr: new Spool(spools.stderr, punch) };
    const redactor = execution.api && new Redactor([execution.api.token]);
    const stream = (source: SourceName, take: StreamOptions["take"]): StepStream => {
      const { offset, midline } = cursor[source];
      const consumed = source === "stdout" ? execution.consumed : 0;
      return new StepStream({
        spool: this.spools[source],
        start: consumed > offset ? { offset: consumed, midline: false } : { offset, midline },
        redactor,
        clock: ports.clock,
        scratch: ports.scratch,
        take,
        onRead: () => this.freeSoon(),
        wake: () => pump.hurry(),
        onTrouble: (error) => this.log({ source: "orco", level: "error", message: `${source} cannot be read: ${messageOf(error)}` }),
      });
    };
    this.streams = {
      stdout: stream("stdout", (text, { end, piece }) => this.takeStdout(text, end, piece)),
      stderr: stream("stderr", (text, { end }) => this.takeStderr(text, end)),
    };
    for (const source of SOURCES) pump.add(this.streams[source]);
  }

  /** The last line of stderr that says something. */
  get lastLine(): string | undefined {
    return this.line;
  }

  /** What it said, and with what that was refused for good. */
  get refused(): OrcoError | undefined {
    return this.refusal;
  }

  /** Nothing is written any more: resolves when all of it was taken. */
  async drained(): Promise<void> {
    await Promise.all(SOURCES.map((source) => this.streams[source].finish()));
  }

  close(): void {
    for (const source of SOURCES) {
      this.ports.pump.remove(this.streams[source]);
      this.spools[source].close();
    }
  }

  private takeStdout(text: string, end: number, piece: boolean): Promise<void> | undefined {
    const { output } = this.options;
    const message = piece ? ({ kind: "log", message: text } as const) : parseStepLine(text);
    switch (message.kind) {
      case "checkpoint": {
        const { kind: _, ...checkpoint } = message;
        return this.say(() => output.checkpoint({ ...checkpoint, consumed: end }));
      }
      case "output":
        return this.say(() => output.output(message.data, end));
      case "progress": {
        const { kind: _, ...progress } = message;
        return void output.progress(progress);
      }
      case "heartbeat":
        return void output.heartbeat();
      case "log": {
        const level = message.level === undefined ? levelOfText(message.message) : levelNamed(message.level);
        return this.log({ source: "stdout", level, message: message.message, offset: end });
      }
    }
  }

  private takeStderr(text: string, end: number): undefined {
    if (text.trim() !== "") this.line = text;
    this.log({ source: "stderr", level: levelOfText(text), message: text, offset: end });
  }

  private log(line: { source: "stdout" | "stderr" | "orco"; level: string | undefined; message: string; offset?: number }): undefined {
    const { level, ...rest } = line;
    this.options.output.log({ at: this.ports.clock.now(), ...rest, ...(level !== undefined && { level }) });
  }

  /** Never rejects. After a refusal nothing more is said: whoever reads the run must not find a later word without an earlier one. */
  private say(word: () => Promise<void>): Promise<void> | undefined {
    if (this.refusal) return undefined;
    const { clock, closing: signal } = this.ports;
    return acknowledged(word, { clock, signal }).catch((error: unknown) => {
      if (signal.aborted) return new Promise<void>(() => undefined); // never taken: the next daemon reads it again
      this.refusal = error instanceof OrcoError ? error : new OrcoError("internal", messageOf(error));
      this.options.onRefused();
    });
  }

  /** Not in this turn: whoever keeps the log may write its lines at the end of it. */
  private freeSoon(): void {
    const { stdout, stderr } = this.streams;
    if (this.freeing || stdout.position.offset + stderr.position.offset - this.freed < FREE_BYTES) return;
    this.freeing = true;
    setImmediate(() => {
      this.freeing = false;
      this.free();
    });
  }

  private free(): void {
    const { stdout, stderr } = this.streams;
    const cursor = { stdout: stdout.position, stderr: stderr.position, ...(this.line !== undefined && { lastLine: this.line }) };
    if (this.ports.closing.aborted || !writeCursor(this.options.cursor, cursor)) return;
    this.freed = cursor.stdout.offset + cursor.stderr.offset;
    for (const source of SOURCES) this.spools[source].free(cursor[source].offset, true);
  }
}
