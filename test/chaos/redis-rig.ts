import { closeSync, cpSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { RedisServer } from "../redis-server.ts";
import { ORCO } from "../scenarios/rig.ts";
import { until } from "../until.ts";
import { ChaosRig } from "./rig.ts";

const WORKERS = 2;
const RUNS_OF_A_WORKER = 8;
/** Of a log that explains a failure. */
const LAST_CHARS = 3000;

/** A daemon, its Redis and its workers, each a real process that may die at any time. What they log is in the rig's folder. */
export class RedisRig extends ChaosRig {
  private readonly workers: (Bun.Subprocess | undefined)[] = [];

  private constructor(
    readonly redis: RedisServer,
    private readonly port: number,
    leaseMs: number,
  ) {
    super({ REDIS_URL: redis.url, ORCHD_BIND_ADDR: `127.0.0.1:${port}`, ORCO_LEASE_MS: String(leaseMs) });
  }

  static async start(leaseMs: number): Promise<RedisRig> {
    const rig = new RedisRig(await RedisServer.start(), freePort(), leaseMs);
    await rig.begin();
    for (let slot = 0; slot < WORKERS; slot++) rig.beginWorker(slot);
    return rig;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get slots(): number[] {
    return Array.from({ length: WORKERS }, (_, slot) => slot);
  }

  beginWorker(slot: number): void {
    const fd = openSync(join(this.dir, `worker-${slot}.log`), "a");
    const argv = ["worker", "--redis", this.redis.url, "--api", this.url, "--name", `w${slot}`, "--concurrency", String(RUNS_OF_A_WORKER)];
    this.workers[slot] = Bun.spawn([ORCO, ...argv], { cwd: this.dir, env: this.environment, stdin: "ignore", stdout: fd, stderr: fd });
    closeSync(fd);
  }

  /** All have learned their queue from the daemon and are connected to Redis: from then on they take jobs without the daemon. */
  async workersReady(): Promise<void> {
    const isReady = (slot: number): boolean => readFileSync(join(this.dir, `worker-${slot}.log`), "utf8").includes(`worker w${slot} takes`);
    await until("the workers to be ready", () => this.slots.every(isReady), 30_000);
  }

  signalWorker(slot: number, signal: NodeJS.Signals): void {
    this.workers[slot]?.kill(signal);
  }

  /** How many jobs the queue has in that state. */
  async jobs(state: "prioritized" | "active"): Promise<number> {
    const keys = await this.redis.ask<string[]>("KEYS", `bull:*:${state}`);
    const counts = await Promise.all(keys.map((key) => this.redis.ask<number>(state === "active" ? "LLEN" : "ZCARD", key)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when it is dead and reaped. */
  async endWorker(slot: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.workers[slot]?.kill(signal);
    await this.workers[slot]?.exited;
    this.workers[slot] = undefined;
  }

  /** Everything is told to end; fails with what runs on. */
  async leave(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.endWorker(slot, "SIGTERM")));
    await this.killDaemon("SIGTERM");
    await this.death();
    await until("nothing to run any more", () => this.marked().length === 0, 30_000).catch((error: unknown) => {
      throw new Error(
        this.marked()
          .map(({ pid, environ }) => `${pid} ${environ.join(" ")}`)
          .join("\n"),
        { cause: error },
      );
    });
  }

  /** The ends of all logs. */
  lastWords(): string {
    const logs = readdirSync(this.dir).filter((name) => name.endsWith(".log"));
    return logs.map((name) => `${name}:\n${readFileSync(join(this.dir, name), "utf8").slice(-LAST_CHARS)}`).join("\n");
  }

  /** Kills what is left of it. */
  async end(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.endWorker(slot, "SIGKILL")));
    const keep = process.env["ORCO_CHAOS_KEEP"];
    if (keep !== undefined) cpSync(this.dir, keep, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    await this.close();
    await this.redis[Symbol.asyncDispose]();
  }
}
