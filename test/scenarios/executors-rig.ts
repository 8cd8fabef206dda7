import { until } from "../until.ts";
import { ORCO } from "./rig.ts";
import { RunsRig } from "./runs-rig.ts";

const READY_MS = 20_000;

/** A daemon whose plans may go to every executor, with a worker of its own. */
export class ExecutorsRig extends RunsRig {
  private worker: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;

  constructor(env: Readonly<Record<string, string>>) {
    super({ RATE_LIMIT_MAX: "0", ...env });
  }

  /** Resolves when it takes runs. */
  async startWorker(): Promise<void> {
    const argv = [ORCO, "worker", "--redis", this.env["REDIS_URL"] ?? "", "--api", this.url, "--concurrency", "4"];
    const worker = Bun.spawn(argv, { cwd: this.dir, env: this.base(), stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    this.worker = worker;
    let said = "";
    for await (const chunk of worker.stdout) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("takes runs")) break;
    }
    await until("the daemon to be ready", async () => (await this.get("/ready")).status === 200, READY_MS);
  }

  override async close(): Promise<void> {
    this.worker?.kill("SIGTERM");
    await this.worker?.exited;
    await super.close();
  }
}
