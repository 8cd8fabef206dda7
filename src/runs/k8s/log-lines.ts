import type { Clock } from "../../kernel/clock.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import { acknowledged } from "../local/acknowledge.ts";
import type { StepOutput } from "../ports.ts";
import { parseStepLine, type StepMessage } from "../protocol.ts";
import { LogCursor, stampedLine } from "./log-cursor.ts";

/** Streams of a container are written by two threads: their lines are at most this much out of order. */
const DISORDER_US = 2_000_000;
/** What a kubelet answers, with 200, in place of the log of a container that has just gone: no program said it. */
const NO_LOG = /^unable to retrieve container logs for \S+$/;
/** More of it than is ever shown, whatever of it is no text. */
const MAX_LAST_CHARS = 4000;

/**
 * Lines of a pod's log, given to the output of its step once each, however often the log is read anew. A pod's log is stdout and stderr in one; messages
 * are expected on stdout alone, so they keep a cursor of their own: a line of stderr that is a moment ahead must not hide a checkpoint.
 */
export class LogLines {
  /** The last line that was no message. */
  lastLine: string | undefined;
  private readonly messages: LogCursor;
  private readonly lines: LogCursor;

  constructor(
    private readonly output: StepOutput,
    private readonly how: { readonly clock: Clock; readonly signal: AbortSignal; readonly createdAt: number; readonly redactor?: Redactor },
    consumed: number,
  ) {
    this.messages = new LogCursor(consumed);
    this.lines = new LogCursor();
    this.lines.advanceTo(this.messages.place);
  }

  /** From when on the log has to be read, in the cursor's microseconds; 0 for its beginning. */
  reopen(): number {
    this.messages.reopen();
    this.lines.reopen();
    return Math.max(this.messages.place, this.lines.place - DISORDER_US, 0);
  }

  /** Resolves when what it said is on disk. Rejects when that was refused for good. */
  async take(line: string): Promise<void> {
    const stamped = stampedLine(line, this.how.createdAt);
    if (!stamped && NO_LOG.test(line)) return;
    if (!stamped) return this.output.log({ at: this.how.clock.now(), source: "stdout", message: this.clean(line) });
    const message = parseStepLine(this.clean(stamped.text));
    const taken = (message.kind === "log" ? this.lines : this.messages).take(stamped.us);
    if (taken === "seen") return;
    await this.say(message, stamped.at, taken === "late" ? undefined : taken);
  }

  private clean(line: string): string {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    return this.how.redactor?.clean(text) ?? text;
  }

  private say(message: StepMessage, at: number, consumed: number | undefined): Promise<void> | undefined {
    const { output } = this;
    const reached = consumed === undefined ? {} : { consumed };
    switch (message.kind) {
      case "checkpoint": {
        const { data, name } = message;
        return this.recorded(() =>
          output.checkpoint({ ...(data !== undefined && { data }), ...(name !== undefined && { name }), ...reached }),
        );
      }
      case "output":
        return this.recorded(() => output.output(message.data, consumed));
      case "progress": {
        const { percent, message: text } = message;
        output.progress({ ...(percent !== undefined && { percent }), ...(text !== undefined && { message: text }) });
        return undefined;
      }
      case "heartbeat":
        output.heartbeat();
        return undefined;
      case "log": {
        const { level, message: text } = message;
        if (text.trim() !== "") this.lastLine = text.slice(0, MAX_LAST_CHARS);
        const offset = consumed === undefined ? {} : { offset: consumed };
        output.log({ at, source: "stdout", message: text, ...(level !== undefined && { level }), ...offset });
        return undefined;
      }
    }
  }

  private recorded(say: () => Promise<void>): Promise<void> {
    return acknowledged(say, this.how);
  }
}
