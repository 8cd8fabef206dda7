import { afterAll, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "../../src/client/client.ts";
import { allPids, commandOf, environOf, isAlive, readStat } from "../../src/supervise/proc.ts";
import { startReaper } from "../reaper.ts";
import { until } from "../until.ts";
import { StackUnderTest } from "./stack-under-test.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What is tested: `ORCO_BIN` may name a compiled binary. */
export const ORCO = process.env["ORCO_BIN"] ?? join(ROOT, "bin/orco");
const COMMAND_TIMEOUT_MS = 60_000;

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly pid: number;
  /** All of standard output so far. */
  out(): string;
  /** All of standard error so far. */
  err(): string;
  readonly ended: Promise<Said>;
  kill(signal: NodeJS.Signals): void;
}

/** One daemon with a home of its own, reached only as a user would: by the CLI, the API, and signals to proven pids. */
export class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), "orco-scenario-"));
  readonly home = join(this.dir, "home");
  /** In the environment of everything this rig starts: tells its processes from those of other tests. */
  private readonly mark = join(this.dir, "tmp");
  readonly client = new Client({ socket: join(this.home, "orco.sock") });
  private readonly children = new Set<Started>();
  private readonly callOffReaper = startReaper(this.dir, this.mark);
  private stacks = 0;

  /**
   * `env` is the caller's environment, from which the first command also starts the daemon. `prefix` begins the names of stacks, and so of what they have in
   * docker, where rigs meet.
   */
  constructor(
    readonly env: Readonly<Record<string, string>> = {},
    private readonly prefix = "s",
  ) {
    mkdirSync(this.mark);
  }

  /** How orco is started; a machine of its own is entered first. */
  protected get program(): readonly string[] {
    return [ORCO];
  }

  /** A stack of its own name whose file holds `services` (and what else stands beside it). */
  stack(body: string, name = `${this.prefix}${++this.stacks}`): StackUnderTest {
    const dir = join(this.dir, name);
    mkdirSync(dir, { recursive: true });
    return new StackUnderTest({ rig: this, name, dir, body });
  }

  async orco(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Said> {
    return this.start(args, options).ended;
  }

  /** The command while it runs, for as long as a command may; `isDaemon`: until it is killed. */
  start(
    args: readonly string[],
    { cwd = this.dir, env = {}, isDaemon = false }: { cwd?: string; env?: Record<string, string>; isDaemon?: boolean } = {},
  ): Started {
    const child = Bun.spawn([...this.program, ...args], {
      cwd,
      env: { ...this.base(), ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(!isDaemon && { timeout: COMMAND_TIMEOUT_MS, killSignal: "SIGKILL" }),
    });
    let [out, err] = ["", ""];
    const reading = Promise.all([collect(child.stdout, (text) => (out += text)), collect(child.stderr, (text) => (err += text))]);
    const ended = reading.then(async () => ({ code: await child.exited, out, err }));
    const started = { pid: child.pid, out: () => out, err: () => err, ended, kill: (signal: NodeJS.Signals) => child.kill(signal) };
    this.children.add(started);
    void ended.then(() => this.children.delete(started));
    return started;
  }

  protected base(): Record<string, string> {
    const { PATH = "" } = process.env;
    return { PATH, HOME: this.dir, TMPDIR: this.mark, LANG: "C.UTF-8", ORCO_HOME: this.home, ORCHD_BIND_ADDR: "127.0.0.1:0", ...this.env };
  }

  /** The daemon of this home, proven by its start time; undefined when there is none. */
  daemonPid(): number | undefined {
    const [pid = 0, startTime] = readLock(join(this.home, "lock"));
    const stat = readStat(pid);
    return isAlive(stat) && stat.startTime === startTime ? pid : undefined;
  }

  /** Resolves when it is dead. */
  async killDaemon(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const pid = this.daemonPid();
    if (pid === undefined) throw new Error("no daemon to kill");
    process.kill(pid, signal);
    await until(`daemon ${pid} to be gone after ${signal}`, () => !isAlive(readStat(pid)), 20_000);
  }

  /** A daemon in the foreground, answering. */
  async serve(): Promise<Started> {
    const started = this.start(["serve"], { isDaemon: true });
    await until("the daemon to answer", () => this.client.health().catch(() => undefined), 20_000);
    return started;
  }

  /** Live processes that this rig's daemons started for instances: pid and command. */
  instances(): string[] {
    return this.marked()
      .filter(({ environ }) => environ.some((line) => line.startsWith("ORCO_INSTANCE=")))
      .map(({ pid }) => `${pid} ${commandOf(pid)}`);
  }

  protected marked(): { pid: number; environ: string[] }[] {
    return allPids().flatMap((pid) => {
      const environ = isAlive(readStat(pid)) ? environOf(pid) : undefined;
      return environ?.includes(`TMPDIR=${this.mark}`) ? [{ pid, environ: [...environ] }] : [];
    });
  }

  /** How many there were. Guards of what is killed may start something meanwhile. */
  private killMarked(): number {
    const left = this.marked();
    for (const { pid } of left) killed(pid);
    return left.length;
  }

  /** Takes everything down as a user would, and fails when that leaves a process. */
  async close(): Promise<void> {
    try {
      if (this.daemonPid() === undefined && this.instances().length > 0) await this.serve();
      const said = this.daemonPid() === undefined ? undefined : await this.orco(["shutdown"]);
      if (said && said.code !== 0) throw new Error(`orco shutdown failed: ${said.err}`);
      const left = this.instances();
      if (left.length > 0) throw new Error(`left running:\n${left.join("\n")}`);
    } finally {
      for (const child of this.children) child.kill("SIGKILL");
      await until("nothing of this rig to be left", () => this.killMarked() === 0, 20_000);
      this.callOffReaper();
      rmSync(this.dir, { recursive: true, force: true });
    }
  }
}

/** A test with a daemon of its own. */
export function scenario(title: string, body: (rig: Rig) => Promise<void>, env?: Record<string, string>): void {
  test(title, async () => {
    const rig = new Rig(env);
    try {
      await body(rig);
    } catch (error) {
      await rig.close().catch(() => undefined);
      throw error;
    }
    await rig.close();
  });
}

/** One daemon for all tests of a file, each with a stack of its own. */
export function sharedRig(env?: Record<string, string>, prefix?: string): Rig {
  const rig = new Rig(env, prefix);
  afterAll(() => rig.close());
  return rig;
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return; // It ended by itself.
  }
}

function readLock(path: string): number[] {
  try {
    return readFileSync(path, "utf8").split(" ").map(Number);
  } catch {
    return []; // No daemon has been here yet.
  }
}
