import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { levelNamed, levelOfText } from "../../supervise/logs/level.ts";
import type { StepOutput } from "../ports.ts";
import { parseStepLine } from "../protocol.ts";
import { acknowledged } from "./acknowledge.ts";

/** A line that an execution wrote, or a piece of one that is too long. */
export interface SpokenLine {
  readonly source: "stdout" | "stderr";
  readonly text: string;
  /** Bytes of its source up to and with it. */
  readonly end: number;
  readonly piece: boolean;
  /** Epoch ms. */
  readonly at: number;
}

export interface WordsOptions {
  readonly output: StepOutput;
  readonly clock: Clock;
  /** Nobody reads here any more: what was not taken by then is read again by the next daemon. */
  readonly closing: AbortSignal;
  /** What it said was refused for good: it should be ended. */
  readonly onRefused: () => void;
  readonly lastLine?: string | undefined;
}

/** Hands on what an execution says, a process or a container, message by message. */
export class StepWords {
  private line: string | undefined;
  private refusal: OrcoError | undefined;

  constructor(private readonly options: WordsOptions) {
    this.line = options.lastLine;
  }

  /** The last line of stderr that says something. */
  get lastLine(): string | undefined {
    return this.line;
  }

  /** With what a checkpoint or an output was refused for good. */
  get refused(): OrcoError | undefined {
    return this.refusal;
  }

  /** What it returns resolves when the line has been taken, and never rejects; undefined: it has been. */
  take(line: SpokenLine): Promise<void> | undefined {
    const { output } = this.options;
    if (line.source === "stderr") return this.stderr(line);
    const message = line.piece ? ({ kind: "log", message: line.text } as const) : parseStepLine(line.text);
    switch (message.kind) {
      case "checkpoint": {
        const { kind: _, ...checkpoint } = message;
        return this.say(() => output.checkpoint({ ...checkpoint, consumed: line.end }));
      }
      case "output":
        return this.say(() => output.output(message.data, line.end));
      case "progress": {
        const { kind: _, ...progress } = message;
        return void output.progress(progress);
      }
      case "heartbeat":
        return void output.heartbeat();
      case "log":
        return this.log(line, message);
    }
  }

  /** The first one counts. */
  refuse(error: OrcoError): void {
    if (this.refusal) return;
    this.refusal = error;
    this.options.onRefused();
  }

  private stderr(line: SpokenLine): undefined {
    if (line.text.trim() !== "") this.line = line.text;
    this.log(line, { message: line.text });
  }

  private log({ at, source, end }: SpokenLine, { level, message }: { readonly level?: string; readonly message: string }): undefined {
    const known = level === undefined ? levelOfText(message) : levelNamed(level);
    this.options.output.log({ at, source, message, offset: end, ...(known !== undefined && { level: known }) });
  }

  /** After a refusal nothing more is said: whoever reads the run must not find a later word without an earlier one. */
  private say(word: () => Promise<void>): Promise<void> | undefined {
    if (this.refusal) return undefined;
    const { clock, closing: signal } = this.options;
    return acknowledged(word, { clock, signal }).catch((error: unknown) => {
      if (signal.aborted) return new Promise<void>(() => undefined);
      this.refuse(error instanceof OrcoError ? error : new OrcoError("internal", messageOf(error)));
    });
  }
}
