import type { Clock } from "../kernel/clock.ts";
import { uuidv7 } from "../kernel/id.ts";
import { withoutControl } from "../kernel/plain-text.ts";
import { type CommandResult, runCommand } from "../supervise/command.ts";
import type { Redactor } from "../supervise/logs/redact.ts";
import { MARKER, MarkerSweep } from "../supervise/identity.ts";
import { bootId } from "../supervise/proc.ts";
import { Signals } from "../supervise/signal.ts";

/** How much of the output a failure shows. */
const KEPT_LINES = 30;
/** A line that is longer is told in pieces. */
const MAX_LINE = 8192;
/** With the machine busy, what is left in the pipe takes its time. */
const OUTPUT_PATIENCE_MS = 2000;
/** What forks while it is being killed is killed with the next sweep. */
const MAX_SWEEPS = 5;

export interface SlotCommand {
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Takes secrets out of every line. */
  readonly redactor?: Redactor;
  /** Every line of stdout and stderr as it comes, without what drives terminals. */
  readonly onLine?: (line: string) => void;
}

export interface SlotCommandResult extends Pick<CommandResult, "ended" | "code" | "signal"> {
  /** It exited 0. */
  readonly ok: boolean;
  /** The last 30 lines. */
  readonly lines: readonly string[];
  readonly durationMs: number;
}

/**
 * Runs a build, a hook or a check in a slot's worktree. Whatever it started ends with it: at its end, at the timeout, when the signal aborts, and
 * when the daemon dies. Throws `start_failed` when there is no such folder.
 */
export async function runSlotCommand({ command, redactor, onLine, ...spec }: SlotCommand): Promise<SlotCommandResult> {
  const began = spec.clock.monotonic();
  const lines: string[] = [];
  const take = (line: string): void => {
    onLine?.(line);
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  const streams = { stdout: new Lines(take, redactor), stderr: new Lines(take, redactor) };
  const id = uuidv7(spec.clock);
  const { ended, code, signal } = await runCommand({
    ...spec,
    argv: ["/bin/sh", "-c", command],
    env: { ...spec.env, [MARKER]: id },
    onOutput: (chunk, stream) => streams[stream].push(chunk),
    outputPatienceMs: OUTPUT_PATIENCE_MS,
    endStrays: () => endStrays(id, spec.clock),
  });
  streams.stdout.end();
  streams.stderr.end();
  const durationMs = spec.clock.monotonic() - began;
  return {
    ended,
    ok: ended === "exited" && code === 0,
    ...(code !== undefined && { code }),
    ...(signal !== undefined && { signal }),
    lines,
    durationMs,
  };
}

/** Those who left the process group and their parent. */
async function endStrays(id: string, clock: Clock): Promise<void> {
  const boot = bootId();
  const sweep = new MarkerSweep(clock, boot);
  const signals = new Signals(boot);
  for (let turn = 0; turn < MAX_SWEEPS; turn++) {
    const strays = await sweep.find(id);
    if (strays.length === 0) return;
    for (const stray of strays) signals.send(stray, "SIGKILL");
  }
}

/** Bytes to lines; a carriage return ends one too, as progress bars use it. */
class Lines {
  private readonly decoder = new TextDecoder();
  private rest = "";

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly redactor?: Redactor,
  ) {}

  push(chunk: Uint8Array): void {
    const pieces = (this.rest + this.decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.rest = pieces.pop() ?? "";
    for (const piece of pieces) this.tell(piece);
    // What may be the beginning of a secret waits for the rest of it.
    const open = this.redactor?.longestBytes ?? 0;
    if (this.rest.length <= MAX_LINE + open) return;
    const text = this.clean(this.rest);
    this.tell(text.slice(0, -open || undefined));
    this.rest = open === 0 ? "" : text.slice(-open);
  }

  end(): void {
    const last = this.rest + this.decoder.decode();
    this.rest = "";
    if (last !== "") this.tell(last);
  }

  private tell(line: string): void {
    const text = this.clean(line);
    // Once more when the colours are gone that a program may have put into the midst of a secret.
    for (let at = 0; at === 0 || at < text.length; at += MAX_LINE)
      this.onLine(this.clean(withoutControl(text.slice(at, at + MAX_LINE)).trimEnd()));
  }

  private clean(text: string): string {
    return this.redactor?.clean(text) ?? text;
  }
}
