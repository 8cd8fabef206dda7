import type { Clock } from "../kernel/clock.ts";
import { uuidv7 } from "../kernel/id.ts";
import { type CommandResult, runCommand } from "../supervise/command.ts";
import type { Redactor } from "../supervise/logs/redact.ts";
import { MARKER } from "../supervise/identity.ts";
import { endMarked, OutputLines } from "../supervise/output-lines.ts";

/** How much of the output a failure shows. */
const KEPT_LINES = 30;
/** With the machine busy, what is left in the pipe takes its time. */
const OUTPUT_PATIENCE_MS = 2000;

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
  const streams = { stdout: new OutputLines(take, redactor), stderr: new OutputLines(take, redactor) };
  const id = uuidv7(spec.clock);
  const { ended, code, signal } = await runCommand({
    ...spec,
    argv: ["/bin/sh", "-c", command],
    env: { ...spec.env, [MARKER]: id },
    onOutput: (chunk, stream) => streams[stream].push(chunk),
    outputPatienceMs: OUTPUT_PATIENCE_MS,
    endStrays: () => endMarked(id, spec.clock),
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
