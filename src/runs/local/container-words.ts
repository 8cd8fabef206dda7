import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { levelNamed, levelOfText } from "../../supervise/logs/level.ts";
import type { StepOutput } from "../ports.ts";
import { parseStepLine } from "../protocol.ts";
import { acknowledged } from "./acknowledge.ts";
import type { ContainerLine } from "./container-log.ts";

export interface WordsOptions {
  readonly output: StepOutput;
  readonly clock: Clock;
  /** Nobody reads here any more; whoever comes next reads it again. */
  readonly closing: AbortSignal;
  /** What it said was refused for good: it should be ended. */
  readonly onRefused: () => void;
  readonly lastLine?: string | undefined;
}

/** Hands on what a container says, message by message. */
export class ContainerWords {
  /** The last line of stderr that says something. */
  lastLine: string | undefined;
  /** With what a checkpoint or an output was refused for good. */
  refused: OrcoError | undefined;

  constructor(private readonly options: WordsOptions) {
    this.lastLine = options.lastLine;
  }

  take(line: ContainerLine): Promise<void> | undefined {
    if (this.options.closing.aborted) return new Promise(() => undefined); // what was read ahead is the next reader's
    return line.stream === "stdout" ? this.stdout(line) : this.stderr(line);
  }

  private stdout({ text, end, piece, at }: ContainerLine): Promise<void> | undefined {
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
        return void output.log({ at, source: "stdout", message: message.message, offset: end, ...(level !== undefined && { level }) });
      }
    }
  }

  private stderr({ text, end, at }: ContainerLine): undefined {
    if (text.trim() !== "") this.lastLine = text;
    const level = levelOfText(text);
    this.options.output.log({ at, source: "stderr", message: text, offset: end, ...(level !== undefined && { level }) });
  }

  /** Never rejects. After a refusal nothing more is said: whoever reads the run must not find a later word without an earlier one. */
  private say(word: () => Promise<void>): Promise<void> | undefined {
    if (this.refused) return undefined;
    const { clock, closing: signal } = this.options;
    return acknowledged(word, { clock, signal }).catch((error: unknown) => {
      if (signal.aborted) return new Promise<void>(() => undefined);
      this.refused = error instanceof OrcoError ? error : new OrcoError("internal", messageOf(error));
      this.options.onRefused();
    });
  }
}
