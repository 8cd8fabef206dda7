import { connect } from "node:net";
import { openSync, closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../peers/observe.ts";
import { parentOf, processes } from "../peers/proc.ts";

const START_MS = 10_000;

export interface Server {
  readonly pid: number;
  /** Itself and all below. */
  readonly pids: () => readonly number[];
  /** SIGTERM, then SIGKILL to all of them. */
  readonly close: () => Promise<void>;
}

/** Starts a program in the foreground and waits until something takes connections on `port`. */
export async function startServer(
  argv: readonly string[],
  where: { port: number; home: string; env?: Record<string, string> },
): Promise<Server> {
  const { port, home, env } = where;
  const log = join(home, "output.log");
  const fd = openSync(log, "a");
  const child = Bun.spawn([...argv], { cwd: home, stdin: "ignore", stdout: fd, stderr: fd, ...(env && { env }) });
  closeSync(fd);
  const pids = (): number[] => [child.pid, ...below(child.pid)];
  const close = async (): Promise<void> => {
    const all = pids();
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await Promise.race([child.exited, Bun.sleep(1_000)]);
    for (const pid of all) kill(pid);
    await child.exited;
  };
  try {
    await until(() => accepts(port), START_MS, `${argv[0]} on port ${port}`);
  } catch (error) {
    await close();
    throw new Error(`${argv[0]} does not answer: ${readFileSync(log, "utf8").trim().slice(-500)}`, { cause: error });
  }
  return { pid: child.pid, pids, close };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function below(pid: number): number[] {
  return processes()
    .filter((each) => parentOf(each) === pid)
    .flatMap((each) => [each, ...below(each)]);
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("connect", () => resolve(true));
  socket.on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
