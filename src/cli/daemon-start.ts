import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import { OrcoError } from "../kernel/errors.ts";
import { makeHome } from "../kernel/home-folder.ts";
import { selfCommand, withoutMarks } from "../kernel/self.ts";
import type { Context } from "./context.ts";
import { daemonPid } from "./unreachable.ts";

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
/** Whoever takes the lock needs a moment to write its pid into it. */
const LOCK_SETTLES_MS = 300;

/**
 * The client of a daemon that answers, starting one when none does. Two callers at once end with one daemon: its lock decides,
 * and the loser of the race waits for the winner's. Errors: `unreachable`, with the last line of its log when it died at start.
 */
export async function ensureDaemon(context: Context, command: readonly string[] = daemonCommand()): Promise<Client> {
  const client = await context.client();
  if (await answers(client)) return client;
  const started = spawnDaemon(context, command);
  const deadline = performance.now() + START_TIMEOUT_MS;
  let aloneSince: number | undefined;
  for (;;) {
    if (await answers(client)) return client;
    const now = performance.now();
    aloneSince = started.exited() && daemonPid(context.home) === undefined ? (aloneSince ?? now) : undefined;
    if (aloneSince !== undefined && now - aloneSince > LOCK_SETTLES_MS) throw diedAtStart(started);
    if (now > deadline) throw new OrcoError("unreachable", "the daemon did not answer in time", { cause: "timeout" });
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

interface Started {
  readonly log: string;
  /** Where this start begins in the log. */
  readonly logStart: number;
  exited(): boolean;
}

function spawnDaemon({ home, io }: Context, command: readonly string[]): Started {
  makeHome(home);
  const log = join(home, "daemon.log");
  const fd = openSync(log, "a", 0o600);
  try {
    const logStart = fstatSync(fd).size;
    const env = { ...withoutMarks(io.env), ORCO_HOME: home };
    // detached = setsid: the daemon outlives this terminal; cwd / so that it holds no file system.
    const child = Bun.spawn([...command], { cwd: "/", env, detached: true, stdio: ["ignore", fd, fd] });
    child.unref();
    return { log, logStart, exited: () => child.exitCode !== null || child.signalCode !== null };
  } finally {
    closeSync(fd);
  }
}

export function daemonCommand(source?: string): string[] {
  return selfCommand("serve", source);
}

function diedAtStart({ log, logStart }: Started): OrcoError {
  const said = readFileSync(log).subarray(logStart).toString("utf8").trim().split("\n");
  // An error of ours may go on over several lines; of anybody else's the last one counts.
  const ours = said.findLastIndex((line) => line.startsWith("orco: "));
  const why = (ours < 0 ? said.slice(-1) : said.slice(ours)).join("\n").replace(/^orco: /, "");
  return new OrcoError("start_failed", `the daemon ended at its start: ${why || "it printed nothing"}`, { next: `its log: ${log}` });
}
