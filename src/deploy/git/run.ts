import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { type CommandResult, runCommand } from "../../supervise/command.ts";
import { type Environment, gitEnvironment } from "./environment.ts";
import type { RemoteUrl } from "./url.ts";

/** Reading what is in the mirror takes milliseconds, on a busy disk with millions of files minutes. */
const LOCAL_TIMEOUT_MS = 10 * 60_000;
/** The end of a pipe is never long in coming; without it what was read may be half. */
const OUTPUT_PATIENCE_MS = 10_000;
const MAX_STDERR = 8192;
/** A list of every path of a very large repository. */
const MAX_STDOUT = 1024 * 1024 * 1024;

export interface GitPorts {
  readonly clock: Clock;
  /** Of the daemon; git sees a few names of it. */
  readonly environment: Environment;
  /** The bare mirror. */
  readonly gitDir: string;
}

export interface GitCall {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whom it may talk to; nobody when absent. */
  readonly remote?: RemoteUrl;
  /** Given, stdout is not collected. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  readonly onStderr?: (chunk: Uint8Array) => void;
}

export interface GitResult {
  /** undefined: killed. */
  readonly code: number | undefined;
  readonly stdout: Buffer;
  /** Its end. */
  readonly stderr: string;
}

/**
 * Runs `git <args>` on the mirror: no shell, no configuration but ours, nothing inherited, dead with the daemon. Whatever comes from people goes
 * through stdin or the environment, never into `args`. Throws `cancelled` (or the signal's own OrcoError), `timeout`, `executable_not_found`.
 */
export async function runGit({ clock, environment, gitDir }: GitPorts, args: readonly string[], call: GitCall = {}): Promise<GitResult> {
  const { signal, timeoutMs = LOCAL_TIMEOUT_MS, cwd = "/", stdin, remote, onStderr } = call;
  const stdout = new Collected(MAX_STDOUT);
  const stderr = new Tail(MAX_STDERR);
  const sinks = {
    stdout: call.onStdout ?? ((chunk: Uint8Array) => stdout.push(chunk)),
    stderr: (chunk: Uint8Array) => {
      stderr.push(chunk);
      onStderr?.(chunk);
    },
  };
  const ran = await runCommand({
    argv: ["git", ...args],
    cwd,
    env: { ...gitEnvironment(environment, { gitDir, ...(remote && { remote }) }), ...call.env },
    timeoutMs,
    clock,
    ...(signal && { signal }),
    ...(stdin !== undefined && { stdin }),
    onOutput: (chunk, stream) => sinks[stream](chunk),
    outputPatienceMs: OUTPUT_PATIENCE_MS,
  });
  refuseUnfinished(ran, { what: args[0] ?? "", timeoutMs, ...(signal && { signal }) });
  if (stdout.overflowed) throw new OrcoError("too_large", `git ${args[0]} answered with more than ${MAX_STDOUT} bytes`);
  return { code: ran.code, stdout: stdout.bytes, stderr: stderr.text };
}

function refuseUnfinished(
  ran: CommandResult,
  { what, timeoutMs, signal }: { what: string; timeoutMs: number; signal?: AbortSignal },
): void {
  if (ran.ended === "cancelled")
    throw signal?.reason instanceof OrcoError ? signal.reason : new OrcoError("cancelled", `git ${what} was cancelled`);
  if (ran.ended === "timeout") throw new OrcoError("timeout", `git ${what} took longer than ${formatSpan(timeoutMs)}`);
  if (!ran.whole) throw new OrcoError("internal", `the output of git ${what} could not be read to its end`);
}

class Collected {
  private readonly chunks: Uint8Array[] = [];
  private size = 0;

  constructor(private readonly max: number) {}

  get overflowed(): boolean {
    return this.size > this.max;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  push(chunk: Uint8Array): void {
    this.size += chunk.length;
    if (!this.overflowed) this.chunks.push(chunk);
  }
}

class Tail {
  private kept = Buffer.alloc(0);

  constructor(private readonly max: number) {}

  get text(): string {
    return this.kept.toString("utf8");
  }

  push(chunk: Uint8Array): void {
    this.kept = Buffer.concat([this.kept, chunk]).subarray(-this.max);
  }
}
