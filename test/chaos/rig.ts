import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { ORCO, Rig } from "../scenarios/rig.ts";
import { until } from "../until.ts";

/** Cycles of a row: `npm run chaos` asks for all of them. */
export function cycles(few: number, all: number): number {
  return process.env["ORCO_CHAOS_CYCLES"] === undefined ? few : Math.min(all, Number(process.env["ORCO_CHAOS_CYCLES"]));
}

/** Between two numbers, evenly. */
export function between(low: number, high: number): number {
  return low + Math.random() * (high - low);
}

/** Instances of one slot that have live processes, with the process that leads each. */
export type Trees = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** A rig whose daemon dies again and again. Its log is `daemon.log` in the rig's folder. */
export class ChaosRig extends Rig {
  /** From the start of a daemon to its first answer. */
  readonly backMs: number[] = [];
  /** What it computed until then, in ms of processor time: what others do on the machine meanwhile is not in it. */
  readonly backWorkMs: number[] = [];
  private child: Bun.Subprocess | undefined;

  constructor(env: Readonly<Record<string, string>> = {}) {
    super({ RATE_LIMIT_MAX: "0", ...env });
  }

  /** What is started as the daemon. */
  protected override get program(): readonly string[] {
    return [ORCO];
  }

  get log(): string {
    return join(this.dir, "daemon.log");
  }

  /** What a caller of this rig has in its environment. */
  get environment(): Record<string, string> {
    return this.base();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Starts a daemon; resolves with its pid when it answers. */
  async begin(): Promise<number> {
    const fd = openSync(this.log, "a");
    const startedAt = performance.now();
    const child = Bun.spawn([...this.program, "serve"], { cwd: this.dir, env: this.base(), stdin: "ignore", stdout: "ignore", stderr: fd });
    closeSync(fd);
    this.child = child;
    await until(
      "the API to be back",
      async () =>
        child.exitCode !== null ||
        child.signalCode !== null ||
        (await this.client.health().then(
          () => true,
          () => false,
        )),
      20_000,
    );
    const ended = child.exitCode ?? child.signalCode;
    if (ended !== null) throw new Error(`the daemon ended at its start with ${ended}; see ${this.log}`);
    this.backMs.push(performance.now() - startedAt);
    this.backWorkMs.push(readStat(child.pid)?.cpuMs ?? Number.NaN);
    return child.pid;
  }

  /** Resolves when it is dead and reaped, of whatever. */
  async death(): Promise<void> {
    await this.child?.exited;
  }

  /** kill -9; resolves when it is dead and reaped. */
  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
    this.child = undefined;
  }

  get daemonEnded(): boolean {
    return this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** What runs of this rig's instances, by `service/replica`, then by instance. */
  trees(): Trees {
    const found = new Map<string, Map<string, number[]>>();
    for (const { pid, environ } of this.marked()) {
      const value = (name: string): string | undefined => environ.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
      const instance = value("ORCO_INSTANCE");
      if (instance === undefined) continue;
      const slot = `${value("ORCO_SERVICE")}/${value("ORCO_REPLICA")}`;
      const of = found.get(slot) ?? new Map<string, number[]>();
      found.set(slot, of.set(instance, [...(of.get(instance) ?? []), pid]));
    }
    return found;
  }

  /** Kills every process of every instance, as the end of the machine would. */
  async killInstances(): Promise<void> {
    const running = (): number[] => [...this.trees().values()].flatMap((slot) => [...slot.values()].flat());
    await until("all instances to be dead", () => {
      const pids = running();
      for (const pid of pids) if (isAlive(readStat(pid))) process.kill(pid, "SIGKILL");
      return pids.length === 0;
    });
  }

  /** Rows of the journal's file, without a daemon in between. */
  rows<Row>(sql: string): Row[] {
    const db = new Database(join(this.home, "orco.db"), { readonly: true });
    try {
      // Whoever opens it first after a crash recovers it, and has it alone meanwhile.
      db.run("PRAGMA busy_timeout = 2000");
      return db.query(sql).all() as Row[];
    } finally {
      db.close();
    }
  }
}

/** `max 312 ms, median 204 ms`. */
export function figures(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `max ${Math.round(sorted.at(-1) ?? 0)} ms, median ${Math.round(sorted[sorted.length >> 1] ?? 0)} ms`;
}
