import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";
import { daemonPid } from "./unreachable.ts";

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
/** A daemon started from within a service must not carry that service's mark: it would be swept away with it. */
const MARKS = ["ORCO_INSTANCE", "ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_SECRETS_DIR"];

/**
 * The client of a daemon that answers, starting one when none does. Two callers at once end with one daemon: its lock decides,
 * and the loser of the race waits for the winner's. Errors: `unreachable`, with the last line of its log when it died at start.
 */
export async function ensureDaemon(context: Context): Promise<Client> {
  const client = await context.client();
  if (await answers(client)) return client;
  mkdirSync(context.home, { recursive: true, mode: 0o700 });
  const log = join(context.home, "daemon.log");
  const started = spawnDaemon(context, log);
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await answers(client)) return client;
    if (started.exited() && daemonPid(context.home) === undefined) throw diedAtStart(log, started.logStart);
    if (performance.now() > deadline) throw new OrcoError("unreachable", "the daemon did not answer in time", { cause: "timeout" });
    await Bun.sleep(POLL_MS);
  }
}

/** False when nobody listens; a daemon that listens and hangs is an error, not a reason to start another. */
async function answers(client: Client): Promise<boolean> {
  try {
    await client.health();
    return true;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "unreachable" && error.facts["cause"] !== "timeout") return false;
    throw error;
  }
}

function spawnDaemon(context: Context, log: string): { exited(): boolean; logStart: number } {
  const fd = openSync(log, "a", 0o600);
  try {
    const logStart = fstatSync(fd).size;
    const env: Record<string, string | undefined> = { ...context.io.env, ORCO_HOME: context.home };
    for (const name of MARKS) delete env[name];
    // detached = setsid: the daemon outlives this terminal; cwd / so that it holds no file system.
    const child = Bun.spawn(daemonCommand(), { cwd: "/", env, detached: true, stdio: ["ignore", fd, fd] });
    child.unref();
    return { exited: () => child.exitCode !== null || child.signalCode !== null, logStart };
  } finally {
    closeSync(fd);
  }
}

/** How this very program is started again: from source, or as the compiled binary that carries it. */
export function daemonCommand(source: string = import.meta.dirname): string[] {
  if (source.startsWith("/$bunfs/")) return [process.execPath, "serve"];
  return [process.execPath, "--no-env-file", "--config=/dev/null", "--no-install", join(source, "..", "main.ts"), "serve"];
}

function diedAtStart(log: string, from: number): OrcoError {
  const said = readFileSync(log).subarray(from).toString("utf8").trim().split("\n").at(-1) ?? "";
  const why = said === "" ? "it printed nothing" : said;
  return new OrcoError("start_failed", `the daemon ended at its start: ${why}`, { next: `its log: ${log}` });
}
