import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { type GitSetting, isolatedGit } from "../../kernel/git-isolation.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import { runCommand } from "../../supervise/command.ts";
import { findExecutable } from "../../supervise/executable.ts";

const TIMEOUT_MS = 60_000;
/** The end of a pipe is never long in coming; without it what was read may be half. */
const OUTPUT_PATIENCE_MS = 10_000;
const MAX_OUTPUT = 64 * 1024 * 1024;

/**
 * Settings of every git that runs, whatever the machine, its users or the repository say: nothing of theirs is executed.
 */
const SETTINGS: readonly GitSetting[] = [
  // The workspace may be another user's: its operator named it.
  ["safe.directory", "*"],
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.pager", "cat"],
  ["credential.helper", ""],
  ["push.gpgSign", "false"],
  ["push.followTags", "false"],
  ["push.recurseSubmodules", "no"],
  ["submodule.recurse", "false"],
  ["protocol.allow", "never"],
  ["transfer.credentialsInUrl", "die"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["http.followRedirects", "false"],
  ["http.lowSpeedLimit", "1"],
  ["http.lowSpeedTime", "60"],
];

export interface GitCall {
  readonly cwd: string;
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: readonly GitSetting[];
  /** `uid:gid` to run as. */
  readonly user?: string | undefined;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly timeoutMs?: number;
}

export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs git in the operator's repository: no shell, no configuration or program of the repository's, nothing inherited. Nothing that people write may
 * be an argument unless it was checked. Throws `timeout`, `cancelled`, `executable_not_found`.
 */
export async function runGit(call: GitCall): Promise<GitResult> {
  const { cwd, args, stdin, env = {}, settings = [], user, signal, clock = systemClock(), timeoutMs = TIMEOUT_MS } = call;
  const out = { stdout: new Collected(), stderr: new Collected() };
  const ran = await runCommand({
    argv: ["git", ...args],
    cwd,
    env: { ...isolatedGit(process.env, [...SETTINGS, ...settings]), ...env },
    ...(user !== undefined && { user }),
    timeoutMs,
    clock,
    ...(signal && { signal }),
    ...(stdin !== undefined && { stdin }),
    onOutput: (chunk, stream) => out[stream].push(chunk),
    outputPatienceMs: OUTPUT_PATIENCE_MS,
  });
  if (ran.ended === "timeout") throw new OrcoError("timeout", `git ${args[0]} took longer than ${timeoutMs / 1000} s`);
  if (ran.ended === "cancelled")
    throw signal?.reason instanceof OrcoError ? signal.reason : new OrcoError("cancelled", `git ${args[0]} was cancelled`);
  return { code: ran.code ?? -1, stdout: out.stdout.text, stderr: out.stderr.text };
}

/** The same where it has to succeed: its output without the last line break. Throws `repo_unavailable` (facts: stderr). */
export async function gitText(call: GitCall): Promise<string> {
  const { code, stdout, stderr } = await runGit(call);
  if (code === 0) return stdout.trimEnd();
  const said = plainLine(stderr, 500);
  throw new OrcoError("repo_unavailable", `git ${call.args[0]} failed: ${said}`, { stderr: said });
}

/** False where git is not installed, or the folder is in no repository of anybody. */
export function mayBeRepository(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return isInstalled();
    if (at === dirname(at)) return false;
  }
}

function isInstalled(): boolean {
  try {
    return findExecutable("git", { cwd: "/", env: isolatedGit(process.env, []) }) !== "";
  } catch {
    return false;
  }
}

class Collected {
  private readonly chunks: Uint8Array[] = [];
  private size = 0;

  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }

  push(chunk: Uint8Array): void {
    this.size += chunk.length;
    if (this.size > MAX_OUTPUT) throw new OrcoError("too_large", `git answered with more than ${MAX_OUTPUT} bytes`);
    this.chunks.push(chunk);
  }
}
