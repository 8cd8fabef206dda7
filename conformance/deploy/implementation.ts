import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./options.ts";
import { descendantsWith, signal } from "./processes.ts";
import { LOOK_MS, sleep } from "./timing.ts";

const POLITE_MS = 10_000;
const SHOWN_LOG = 2000;

export type Placeholders = Readonly<Record<string, string | number>>;

export interface Commands {
  readonly start: string;
  /** Takes the orchestrator down with everything it runs. */
  readonly stop?: string;
}

/** The orchestrator under test as a process of the suite's: in a group of its own, with its output in a file. */
export class Implementation {
  private child: Bun.Subprocess | undefined;

  constructor(
    private readonly commands: Commands,
    private readonly values: Placeholders,
    /** Everything of this scenario is below it; no process may mention it when the scenario is over. */
    private readonly folder: string,
  ) {}

  start(): void {
    this.child = this.spawn(this.commands.start);
  }

  /** The way a machine would do it: no word of warning, to it and to what shares its process group. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child) throw new Error("nothing to kill");
    signal(-child.pid, "SIGKILL");
    await child.exited;
  }

  /** Ended before anybody asked it to. */
  get exitCode(): number | null {
    return this.child?.exitCode ?? null;
  }

  /** The last of what it printed. */
  get log(): string {
    return readFileSync(this.logFile, "utf8").slice(-SHOWN_LOG).trim();
  }

  /** Politely, then whatever is left: also what was meant to outlive the orchestrator. */
  async stop(): Promise<void> {
    if (this.commands.stop !== undefined) await within(POLITE_MS, this.spawn(this.commands.stop).exited);
    const { child } = this;
    if (child && child.exitCode === null) {
      signal(-child.pid, "SIGTERM");
      await within(POLITE_MS, child.exited);
      signal(-child.pid, "SIGKILL");
    }
    for (let quiet = 0; quiet < 2; await sleep(LOOK_MS)) {
      const left = descendantsWith(this.folder);
      quiet = left.length === 0 ? quiet + 1 : 0;
      for (const pid of left) signal(pid, "SIGKILL");
    }
  }

  private get logFile(): string {
    return join(this.folder, "log");
  }

  private spawn(command: string): Bun.Subprocess {
    // Not handed on: the switch that turns a compiled binary into bun, and where the caller's own orchestrator keeps its state.
    const { BUN_BE_BUN: _, ...env } = process.env;
    const log = openSync(this.logFile, "a");
    try {
      return Bun.spawn(["/bin/sh", "-c", fill(command, this.values)], {
        env: { ...env, ORCO_HOME: join(this.folder, "home"), ORCO_CONFORMANCE: this.folder },
        stdio: ["ignore", log, log],
        detached: true,
      });
    } finally {
      closeSync(log);
    }
  }
}

/** `{repo}` and the like, quoted for the shell. Throws `SetupError` on a placeholder that does not exist. */
export function fill(command: string, values: Placeholders): string {
  return command.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new SetupError(
        `{${name}} is not known; there are ${Object.keys(values)
          .map((one) => `{${one}}`)
          .join(" ")}`,
      );
    return `'${String(value).replaceAll("'", String.raw`'\''`)}'`;
  });
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const late = setTimeout(timer.resolve, ms);
  await Promise.race([done, timer.promise]);
  clearTimeout(late);
}
