import type { Clock } from "../kernel/clock.ts";
import { findExecutable } from "./executable.ts";
import { bootId, descendantsOf } from "./proc.ts";
import { identify } from "./identity.ts";
import { Signals } from "./signal.ts";
import { runAs } from "./user.ts";

/** How much of the output is kept: its end. */
const OUTPUT_BYTES = 4096;
/** Something that left the group may hold the output open; this long after the end, nobody waits for more of it. */
const OUTPUT_PATIENCE_MS = 50;
const SETPRIV = "/usr/bin/setpriv";

export interface CommandSpec {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** What it reads; nothing when absent. */
  readonly stdin?: string;
  /** Everything it writes, as it comes. */
  readonly onOutput?: (chunk: Uint8Array, stream: "stdout" | "stderr") => void;
  /** How long the rest of the output is waited for once it has ended. */
  readonly outputPatienceMs?: number;
  /** Ends what has left the process group, before the rest of the output is waited for. */
  readonly endStrays?: () => Promise<void>;
}

export interface CommandResult {
  readonly ended: "exited" | "timeout" | "cancelled";
  readonly code?: number;
  readonly signal?: string;
  /** The last 4 KiB of stdout and stderr together. */
  readonly output: string;
  /** Its output was read to the end. */
  readonly whole: boolean;
}

/**
 * Runs a short command to its end: a probe, a hook, a stop command. It dies with the daemon, and what it started dies with it:
 * at its end, at the timeout, and when the signal aborts. Throws `executable_not_found` or `start_failed`.
 */
export async function runCommand(spec: CommandSpec): Promise<CommandResult> {
  if (spec.signal?.aborted) return { ended: "cancelled", output: "", whole: true };
  const [name = "", ...rest] = spec.argv;
  const before = spec.user === undefined ? [] : runAs(spec.user).argv;
  // After the change of user, which clears the death signal.
  const argv = [...before, ...dyingWithUs(), findExecutable(name, spec), ...rest];
  const stdin = spec.stdin === undefined ? "ignore" : Buffer.from(spec.stdin);
  const child = Bun.spawn(argv, { cwd: spec.cwd, env: { ...spec.env }, stdin, stdout: "pipe", stderr: "pipe", detached: true });
  const group = new CommandGroup(child.pid);
  const tail = new Tail(spec.onOutput);
  const read = Promise.all([tail.take(child.stdout, "stdout"), tail.take(child.stderr, "stderr")]).then(() => true);
  // Looked at when the command is over.
  read.catch(() => undefined);
  const ended = await raceOf(spec, child.exited);
  group.kill();
  await child.exited;
  group.release();
  await spec.endStrays?.();
  const whole = await raceOfOutput(read, spec);
  tail.close();
  return { ended, ...codeOf(child), output: tail.text, whole };
}

function raceOfOutput(read: Promise<boolean>, { clock, outputPatienceMs = OUTPUT_PATIENCE_MS }: CommandSpec): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(outputPatienceMs, () => resolve(false));
    read.then(resolve, reject).finally(cancel);
  });
}

function codeOf(child: Pick<Bun.Subprocess, "exitCode" | "signalCode">): Pick<CommandResult, "code" | "signal"> {
  return {
    ...(child.exitCode !== null && { code: child.exitCode }),
    ...(child.signalCode !== null && { signal: String(child.signalCode) }),
  };
}

/** setpriv of util-linux; elsewhere the command outlives a daemon that is killed, until its own end. */
export function dyingWithUs(): string[] {
  try {
    return [findExecutable(SETPRIV, { cwd: "/", env: {} }), "--pdeathsig", "KILL", "--"];
  } catch {
    return [];
  }
}

function raceOf({ clock, timeoutMs, signal }: CommandSpec, exited: Promise<number>): Promise<CommandResult["ended"]> {
  return new Promise((resolve) => {
    const cancel = clock.after(timeoutMs, () => resolve("timeout"));
    const onAbort = (): void => resolve("cancelled");
    signal?.addEventListener("abort", onAbort, { once: true });
    void exited.then(() => {
      cancel();
      signal?.removeEventListener("abort", onAbort);
      resolve("exited");
    });
  });
}

/** The process group of a command, and at a timeout also those who left it but not their parent. */
export class CommandGroup {
  private readonly boot = bootId();
  private readonly signals = new Signals(this.boot);
  private readonly leader;
  private readonly held;

  constructor(private readonly pid: number) {
    this.leader = identify(pid, this.boot);
    this.held = this.signals.holdGroup(pid);
  }

  kill(): void {
    const strays = this.leader ? descendantsOf(this.pid).flatMap((pid) => identify(pid, this.boot) ?? []) : [];
    if (this.held) this.held.kill();
    else if (this.leader) this.signals.sendGroup(this.leader, "SIGKILL");
    for (const stray of strays) if (stray.pid !== this.pid) this.signals.send(stray, "SIGKILL");
  }

  release(): void {
    this.held?.release();
  }
}

/** The end of a stream of bytes, as text. */
class Tail {
  private kept = Buffer.alloc(0);
  private readonly readers: { cancel(): Promise<void> }[] = [];

  constructor(private readonly onOutput: CommandSpec["onOutput"]) {}

  get text(): string {
    return this.kept.toString("utf8").trim();
  }

  async take(stream: ReadableStream<Uint8Array>, name: "stdout" | "stderr"): Promise<void> {
    const reader = stream.getReader();
    this.readers.push(reader);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.onOutput?.(value, name);
      this.kept = Buffer.concat([this.kept, value]).subarray(-OUTPUT_BYTES);
    }
  }

  close(): void {
    for (const reader of this.readers) void reader.cancel().catch(() => undefined);
  }
}
