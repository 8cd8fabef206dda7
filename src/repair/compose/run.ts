import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { uuidv7 } from "../../kernel/id.ts";
import { type CommandResult, runCommand } from "../../supervise/command.ts";
import { killMarked, MARK } from "../../supervise/exec/marked.ts";
import { MARKER } from "../../supervise/identity.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import { endMarked, OutputLines } from "../../supervise/output-lines.ts";

/** How much of the output a failure shows. */
const KEPT_LINES = 50;
const MAX_STDOUT_BYTES = 16 * 1024 * 1024;
/** With the machine busy, what is left in the pipe takes its time. */
const OUTPUT_PATIENCE_MS = 5000;

/** How compose is called here. */
export interface ComposeCommand {
  readonly argv: readonly string[];
  readonly major: 1 | 2;
  readonly version: string;
  /** All of the environment it gets. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a call is about. */
export interface ComposeProject {
  /** Compose's own rule when absent. */
  readonly name?: string;
  /** Relative paths of the files begin here. Absolute. */
  readonly directory: string;
  /** The later ones win. Absolute. */
  readonly files: readonly string[];
  readonly envFile?: string;
}

export interface ComposeCall {
  readonly project?: ComposeProject;
  readonly args: readonly string[];
  /** The run it belongs to: a daemon that comes after a crash ends it by that. */
  readonly run?: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly redactor?: Redactor;
  readonly onLine?: (line: string) => void;
  /** Beside its own; references of a configuration are filled from it. */
  readonly env?: Readonly<Record<string, string>>;
  /** stdout is an answer, not lines. */
  readonly wantsAnswer?: boolean;
}

export interface ComposeResult extends Pick<CommandResult, "ended" | "code" | "signal"> {
  readonly ok: boolean;
  /** The last 50. */
  readonly lines: readonly string[];
  /** Unmasked; "" unless `wantsAnswer`. */
  readonly answer: string;
}

/** `-p … -f …`, which both kinds of compose take before the command. */
function projectArgs({ name, directory, files, envFile }: ComposeProject): string[] {
  return [
    ...(name === undefined ? [] : ["--project-name", name]),
    "--project-directory",
    directory,
    ...files.flatMap((file) => ["-f", file]),
    ...(envFile === undefined ? [] : ["--env-file", envFile]),
  ];
}

/**
 * Runs compose to its end, the timeout or the signal; whatever it started here ends with it, and with the daemon. Throws `docker_unavailable` where
 * it has gone, the signal's reason when that aborts.
 */
export async function runCompose(compose: ComposeCommand, call: ComposeCall): Promise<ComposeResult> {
  const { project, args, run, timeoutMs, clock, signal, redactor, onLine, env, wantsAnswer = false } = call;
  signal?.throwIfAborted();
  const kept: string[] = [];
  const take = (line: string): void => {
    onLine?.(line);
    if (kept.push(line) > KEPT_LINES) kept.shift();
  };
  const answer = new Answer();
  const lines = { stdout: new OutputLines(take, redactor), stderr: new OutputLines(take, redactor) };
  // By the one the call ends what it left, without those beside it; by the other a later daemon finds all of the run's.
  const marker = uuidv7(clock);
  const ran = await runCommand({
    argv: [...compose.argv, ...(project ? projectArgs(project) : []), ...args],
    cwd: project?.directory ?? "/",
    env: { ...compose.env, ...env, [MARKER]: marker, ...(run !== undefined && { [MARK]: markOf(run) }) },
    timeoutMs,
    clock,
    ...(signal && { signal }),
    onOutput: (chunk, stream) => (wantsAnswer && stream === "stdout" ? answer.push(chunk) : lines[stream].push(chunk)),
    outputPatienceMs: OUTPUT_PATIENCE_MS,
    endStrays: () => endMarked(marker, clock),
  }).catch((error: unknown) => {
    throw gone(error, compose);
  });
  lines.stdout.end();
  lines.stderr.end();
  signal?.throwIfAborted();
  const { ended, code } = ran;
  return {
    ended,
    ok: ended === "exited" && code === 0,
    ...(code !== undefined && { code }),
    ...(ran.signal !== undefined && { signal: ran.signal }),
    lines: kept,
    answer: answer.text,
  };
}

/** Ends what a daemon that is no more left of the run's compose commands. */
export function endOrphans(run: string, clock: Clock): Promise<void> {
  return killMarked(markOf(run), clock);
}

/** `exited with code 1`, `was ended after 10m: it took too long`. */
export function howItEnded({ ended, code, signal }: ComposeResult, timeoutMs: number): string {
  if (ended === "timeout") return `was ended after ${formatSpan(timeoutMs)}: it took too long`;
  return signal === undefined ? `exited with code ${code ?? "unknown"}` : `was killed by ${signal}`;
}

function markOf(run: string): string {
  return `repair:${run}`;
}

function gone(error: unknown, { argv }: ComposeCommand): unknown {
  if (!(error instanceof OrcoError) || error.code !== "executable_not_found") return error;
  return new OrcoError("docker_unavailable", `${argv.join(" ")} is not there any more: install it again`, {}, { cause: error });
}

class Answer {
  private readonly chunks: Uint8Array[] = [];
  private size = 0;

  push(chunk: Uint8Array): void {
    this.size += chunk.length;
    if (this.size <= MAX_STDOUT_BYTES) this.chunks.push(chunk);
  }

  get text(): string {
    return this.size > MAX_STDOUT_BYTES ? "" : Buffer.concat(this.chunks).toString("utf8");
  }
}
