import { readFileSync } from "node:fs";
import { type Contract, Refusal, sleep } from "./contract.ts";
import type { Is } from "./mutants.ts";

const PROBE_EVERY_MS = 50;
const PROBE_PATIENCE_MS = 500;
const STOP_PATIENCE_MS = 300;
const ENDLESS_MS = 2 ** 30;

/** What is needed to find a process again after the orchestrator was killed: the pid alone could be somebody else's by then. */
export interface Trace {
  readonly pid: number;
  readonly command: string;
}

/** One process of the app, leader of a group of its own. */
export class AppProcess {
  ready = false;
  private readonly child: Bun.Subprocess;

  constructor(
    private readonly contract: Contract,
    private readonly place: { folder: string; port: number; is: Is },
  ) {
    const { folder, port } = place;
    this.child = Bun.spawn(["/bin/sh", "-c", contract.start_command], {
      cwd: folder,
      env: { ...process.env, PORT: String(port) },
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
  }

  get port(): number {
    return this.place.port;
  }

  get ended(): Promise<number> {
    return this.child.exited;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get trace(): Trace {
    return { pid: this.child.pid, command: commandOf(this.child.pid) };
  }

  /** Resolves at the first 2xx of the health endpoint. Throws `Refusal` 422 when it exits or time is up. */
  async healthy(): Promise<void> {
    const { is } = this.place;
    if (is("no-health-check")) return;
    const { health_timeout_ms: timeoutMs } = this.contract;
    let last = "no answer";
    for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await sleep(PROBE_EVERY_MS)) {
      if (!this.running && !is("wait-on-exit")) throw new Refusal(422, `unhealthy: the process exited with ${this.child.exitCode}`);
      last = await this.probe();
      if (last === "ok") {
        this.ready = true;
        return;
      }
    }
    throw new Refusal(422, `unhealthy: not within ${timeoutMs} ms: ${last}`);
  }

  /** Asks it to end, then kills it with all that it has started. */
  async stop(patienceMs = STOP_PATIENCE_MS): Promise<void> {
    const { is } = this.place;
    if (patienceMs > 0) this.signal("SIGTERM");
    await Promise.race([this.ended, sleep(patienceMs)]);
    if (is("no-force-kill")) return;
    this.signal("SIGKILL");
    await this.ended;
  }

  private signal(name: NodeJS.Signals): void {
    const { pid } = this.child;
    if (this.place.is("orphan-children") && this.running) process.kill(pid, name);
    else if (!this.place.is("orphan-children")) killGroup(pid, name);
  }

  private async probe(): Promise<string> {
    const { is, port } = this.place;
    try {
      const response = await fetch(`http://127.0.0.1:${port}${this.contract.health_endpoint}`, {
        redirect: is("follow-redirects") ? "follow" : "manual",
        keepalive: false,
        signal: AbortSignal.timeout(is("patient-probe") ? ENDLESS_MS : PROBE_PATIENCE_MS),
      });
      await response.text();
      return response.ok ? "ok" : `status ${response.status}`;
    } catch (error) {
      return String(error);
    }
  }
}

/** Kills what a former orchestrator has left, if it still is what it was. */
export function killLeft({ pid, command }: Trace): void {
  if (command !== "" && commandOf(pid) === command) killGroup(pid, "SIGKILL");
}

function killGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended, and nothing is left of its group.
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}
