import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { execute } from "./peers/execute.ts";
import { environment } from "./peers/peer.ts";
import { freePort } from "./peers/stack.ts";

export const ORCO = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../bin/orco"));

/** A daemon of its own over a home that is there. */
export class Daemon implements AsyncDisposable {
  private constructor(
    readonly env: Record<string, string>,
    readonly url: string,
    private readonly child: Bun.Subprocess,
  ) {}

  static async begin(dir: string): Promise<Daemon> {
    const port = await freePort();
    const env = environment(dir, { ORCO_HOME: join(dir, "state"), ORCHD_BIND_ADDR: `127.0.0.1:${port}` });
    const child = Bun.spawn([ORCO, "serve"], {
      cwd: dir,
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(dir, "daemon.log")),
    });
    const daemon = new Daemon(env, `http://127.0.0.1:${port}`, child);
    for (let tries = 0; tries < 400; tries++) {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`);
      if (
        await fetch(`${daemon.url}/health`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return daemon;
      await Bun.sleep(25);
    }
    throw new Error("the daemon does not answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execute([ORCO, "shutdown"], { env: this.env, timeoutMs: 20_000 }).catch(() => this.child.kill("SIGKILL"));
    await this.child.exited;
  }

  logs(stack: string, query: string, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}/stacks/${stack}/logs?${query}`, { headers: { accept: "application/x-ndjson" }, ...(signal && { signal }) });
  }

  /** RSS now and at its peak, MiB. */
  memory(): { rss: number; peak: number } {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    const of = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    return { rss: of("VmRSS"), peak: of("VmHWM") };
  }

  /** CPU time used so far, s. */
  cpu(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}
