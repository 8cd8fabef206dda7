import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Pump } from "../../supervise/logs/pump.ts";
import type { Punch } from "../../supervise/logs/punch.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { Spool } from "../../supervise/logs/spool.ts";
import type { StepExecution, StepOutput } from "../ports.ts";
import { type ReadAt, readCursor, writeCursor } from "./read-cursor.ts";
import { type Scratch, StepStream } from "./step-stream.ts";
import { StepWords } from "./step-words.ts";

/** Shared by the executions of a runner. */
export interface ReaderPorts {
  readonly clock: Clock;
  readonly pump: Pump;
  readonly punch: Punch | undefined;
  readonly scratch: Scratch;
  /** The runner closes: what runs goes on, and nobody reads it here. */
  readonly closing: AbortSignal;
  /** A step is ended when more than this waits to be read of one of its outputs: it would fill the disk. */
  readonly maxBacklogBytes: number;
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
/** What an ended execution may keep until its run has ended. */
const KEPT_BYTES = 64 * 1024;
const SOURCES = ["stdout", "stderr"] as const;
type SourceName = (typeof SOURCES)[number];

/** Reads what an execution writes, and frees what was taken. */
export class StepReader {
  readonly words: StepWords;
  private readonly spools: Readonly<Record<SourceName, Spool>>;
  private readonly streams: Readonly<Record<SourceName, StepStream>>;
  private freed: number;
  private freeing = false;
  /** Told once of each. */
  private readonly cutOff = new Set<SourceName>();

  constructor(
    private readonly options: ReaderOptions,
    private readonly ports: ReaderPorts,
  ) {
    const { execution, spools, output, onRefused } = options;
    const { punch, pump, clock, closing } = ports;
    const { stdout, stderr, lastLine } = readCursor(options.cursor);
    this.words = new StepWords({ output, clock, closing, onRefused, lastLine });
    this.freed = stdout.offset + stderr.offset;
    this.spools = { stdout: new Spool(spools.stdout, punch), stderr: new Spool(spools.stderr, punch) };
    const redactor = execution.api && new Redactor([execution.api.token]);
    // What was acknowledged is known better than what was freed, but only of stdout.
    const resumed = execution.consumed > stdout.offset ? { ...stdout, offset: execution.consumed, midline: false } : stdout;
    this.streams = { stdout: this.stream("stdout", resumed, redactor), stderr: this.stream("stderr", stderr, redactor) };
    for (const source of SOURCES) pump.add(this.streams[source]);
  }

  /** Nothing is written any more: resolves when all of it was taken. */
  async drained(): Promise<void> {
    await Promise.all(SOURCES.map((source) => this.streams[source].finish()));
    if (this.readSoFar() - this.freed < KEPT_BYTES) return;
    await turn();
    this.free();
  }

  close(): void {
    for (const source of SOURCES) {
      this.ports.pump.remove(this.streams[source]);
      this.spools[source].close();
    }
  }

  private stream(source: SourceName, start: ReadAt, redactor: Redactor | undefined): StepStream {
    const { clock, pump, scratch, closing, maxBacklogBytes } = this.ports;
    return new StepStream({
      spool: this.spools[source],
      start,
      redactor,
      clock,
      scratch,
      take: (text, line) => this.words.take({ source, text, ...line, at: clock.now() }),
      onRead: () => this.freeSoon(),
      wake: () => pump.hurry(),
      onTrouble: (error) => this.tell("error", `${source} cannot be read: ${messageOf(error)}`),
      onCut: () => this.noteCut(source),
      closing,
      maxBacklogBytes,
      onFlood: () => this.words.refuse(flooded(source, maxBacklogBytes)),
    });
  }

  private tell(level: "warn" | "error", message: string): void {
    this.options.output.log({ at: this.ports.clock.now(), source: "orco", level, message });
  }

  /** The next reader must know where the spool begins. */
  private noteCut(source: SourceName): void {
    if (!this.cutOff.has(source))
      this.tell("warn", `${source} was cut off by the step, as "> /dev/${source}" does, and lines may be missing here: append to it (>>)`);
    this.cutOff.add(source);
    this.freed = -Infinity;
    this.freeSoon();
  }

  /** Not in this turn: whoever keeps the log may write its lines at the end of it. */
  private freeSoon(): void {
    if (this.freeing || this.readSoFar() - this.freed < FREE_BYTES) return;
    this.freeing = true;
    setImmediate(() => {
      this.freeing = false;
      if (!this.ports.closing.aborted) this.free();
    });
  }

  private free(): void {
    const [stdout, stderr] = [this.streams.stdout.position, this.streams.stderr.position];
    const { lastLine } = this.words;
    if (!writeCursor(this.options.cursor, { stdout, stderr, ...(lastLine !== undefined && { lastLine }) })) return;
    this.freed = stdout.offset + stderr.offset;
    for (const source of SOURCES) this.streams[source].free();
  }

  private readSoFar(): number {
    return this.streams.stdout.position.offset + this.streams.stderr.position.offset;
  }
}

function flooded(source: SourceName, maxBytes: number): OrcoError {
  return new OrcoError("too_large", `more than ${maxBytes} bytes of its ${source} waited to be taken; write less, or more slowly`, {
    source,
  });
}
