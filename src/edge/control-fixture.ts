import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../kernel/clock.ts";
import { EdgeControl, type EdgeControlOptions } from "./control.ts";
import { DEFAULT_TIMEOUTS, type Front, type Target } from "./route.ts";
import { edgeFolder } from "./table.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
/** As the daemon starts this program. */
export const WORKER_COMMAND = [process.execPath, "--no-env-file", "--config=/dev/null", "--no-install", MAIN, "edge-worker"];

/** Field 22 of /proc/PID/stat; undefined for whoever is gone, or only waits to be reaped. */
function identify(pid: number): { startTime: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : { startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** A home with an edge of real workers. `dispose` takes down every process that was ever started for it. */
export class EdgeRig implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), "orco-edge-"));
  readonly folder = edgeFolder(this.home);
  readonly logged: string[] = [];
  private readonly controls: EdgeControl[] = [];

  control(options: Partial<EdgeControlOptions> = {}): EdgeControl {
    const control = new EdgeControl({
      home: this.home,
      clock: systemClock(),
      command: WORKER_COMMAND,
      build: "test",
      workers: 2,
      lingerMs: 20,
      processes: { identify, kill: (pid) => process.kill(pid, "SIGKILL") },
      portHolder: () => undefined,
      log: (message, facts) => void this.logged.push(`${message} ${JSON.stringify(facts)}`),
      ...options,
    });
    this.controls.push(control);
    return control;
  }

  /** Every process that says of itself that it is a worker of this home. */
  pids(): number[] {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && this.isWorker(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const control of this.controls) control.close();
    for (const pid of this.pids()) process.kill(pid, "SIGKILL");
    rmSync(this.home, { recursive: true, force: true });
    await Promise.resolve();
  }

  private isWorker(pid: number): boolean {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      return args.includes("edge-worker") && args.includes(this.folder) && identify(pid) !== undefined;
    } catch {
      return false;
    }
  }
}

export function frontOf(id: string, port: number, targets: readonly Target[], more: Partial<Front> = {}): Front {
  return {
    id,
    listen: { address: "127.0.0.1", port, protocol: "tcp" },
    balance: "round-robin",
    targets,
    holdTimeoutMs: 5_000,
    timeouts: DEFAULT_TIMEOUTS,
    ...more,
  };
}

export function targetOf(id: string, port: number, more: Partial<Target> = {}): Target {
  return { id, host: "127.0.0.1", port, weight: 1, state: "active", ...more };
}
