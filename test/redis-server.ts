import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisClient } from "bun";
import { freePort } from "./free-port.ts";
import { startReaper } from "./reaper.ts";
import { until } from "./until.ts";

export const HAS_REDIS = Bun.which("redis-server") !== null;

/** A real Redis in a folder of its own, which forgets all when it ends. */
export class RedisServer {
  private child: Bun.Subprocess | undefined;
  private readonly callOffReaper: () => void;

  private constructor(
    readonly port: number,
    private readonly folder: string,
  ) {
    this.callOffReaper = startReaper(folder, folder);
  }

  static async start(): Promise<RedisServer> {
    const server = await RedisServer.absent();
    await server.start();
    return server;
  }

  /** Not started yet. */
  static async absent(): Promise<RedisServer> {
    return new RedisServer(freePort(), mkdtempSync(join(tmpdir(), "orco-redis-")));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  async start(): Promise<void> {
    const argv = [
      "redis-server",
      "--port",
      String(this.port),
      "--bind",
      "127.0.0.1",
      "--dir",
      this.folder,
      "--save",
      "",
      "--appendonly",
      "no",
    ];
    const env = { PATH: process.env["PATH"] ?? "", TMPDIR: this.folder };
    this.child = Bun.spawn(argv, { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await until("redis answers", () => this.ask("PING").catch(() => undefined));
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.child?.kill(signal);
  }

  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
    this.child = undefined;
  }

  async ask<T>(command: string, ...args: string[]): Promise<T> {
    const client = new RedisClient(this.url, { autoReconnect: false, connectionTimeout: 500 });
    try {
      await client.connect();
      return (await client.send(command, args)) as T;
    } finally {
      client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.callOffReaper();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
