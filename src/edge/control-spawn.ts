import { closeSync, copyFileSync, ftruncateSync, fstatSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { withoutMarks } from "../kernel/self.ts";
import { workerLogFile, workerRecord, workerSocket } from "./worker-paths.ts";

const MAX_LOG_BYTES = 1024 * 1024;

export interface SpawnOptions {
  readonly folder: string;
  readonly number: number;
  /** How the program is started as a worker; what makes it this worker is appended. */
  readonly command: readonly string[];
  readonly build: string;
  /** Usual number of workers. */
  readonly workers: number;
  /** Default: the command's own. */
  readonly memoryMib?: number;
  /** Default: this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface StartedWorker {
  readonly pid: number;
  ended(): boolean;
  /** Nothing once it has ended: a child that is not reaped keeps its pid. */
  kill(): void;
  /** The last line it wrote. */
  said(): string;
}

/** Starts a worker that outlives us: in a session of its own, without a pipe to us, in no folder. */
export function spawnWorker({ folder, number, command, build, workers, memoryMib, env: own = process.env }: SpawnOptions): StartedWorker {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(workerSocket(folder, number), { force: true });
  rmSync(workerRecord(folder, number), { force: true });
  const log = workerLogFile(folder, number);
  const fd = openLog(log);
  try {
    const args = ["--folder", folder, "--number", String(number), "--workers", String(workers), "--build", build];
    if (memoryMib !== undefined) args.push("--memory", String(memoryMib));
    const child = Bun.spawn([...command, ...args], { cwd: "/", env: withoutMarks(own), detached: true, stdio: ["ignore", fd, fd] });
    child.unref();
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
    return {
      pid: child.pid,
      ended,
      kill: () => void (ended() || child.kill("SIGKILL")),
      said: () => readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "",
    };
  } finally {
    closeSync(fd);
  }
}

/** One file of bounded size and one before it. Bounded when a worker starts, for a worker says little. */
function openLog(path: string): number {
  const fd = openSync(path, "a", 0o600);
  if (fstatSync(fd).size > MAX_LOG_BYTES) {
    copyFileSync(path, `${path}.1`);
    ftruncateSync(fd);
  }
  return fd;
}
