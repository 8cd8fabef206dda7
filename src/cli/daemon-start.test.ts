import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../kernel/errors.ts";
import { createContext, type Context } from "./context.ts";
import { daemonCommand, ensureDaemon } from "./daemon-start.ts";
import { daemonPid } from "./unreachable.ts";

let home = "";
let context: Context;
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), "orco-start-")), "home");
  const io = { env: { PATH: process.env["PATH"], ORCO_INSTANCE: "i1" }, cwd: "/", tty: false, color: false, columns: () => undefined };
  context = createContext({ ...io, out: () => undefined, err: () => undefined, raw: () => undefined }, { home }, { args: [], options: {} });
});
afterEach(() => {
  const pid = daemonPid(home);
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  rmSync(join(home, ".."), { recursive: true, force: true });
});

const startTime = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[19];

/** A daemon small enough for a test: the first one writes the lock and answers, any other ends. */
const DAEMON = `
import { writeFileSync, openSync } from "node:fs";
const home = process.env.ORCO_HOME;
try { openSync(home + "/taken", "wx"); } catch { console.error("orco: the daemon with pid 1 already serves this home"); process.exit(1); }
const start = (await Bun.file("/proc/self/stat").text()).split(") ")[1].split(" ")[19];
writeFileSync(home + "/lock", process.pid + " " + start + "\\n");
writeFileSync(home + "/seen.json", JSON.stringify({ cwd: process.cwd(), env: process.env, session: (await Bun.file("/proc/self/stat").text()).split(") ")[1].split(" ")[3] }));
Bun.serve({ unix: home + "/orco.sock", fetch: () => Response.json({ ok: true }) });
`;

function daemonScript(): string[] {
  const path = join(home, "..", "daemon.ts");
  writeFileSync(path, DAEMON);
  return [process.execPath, path];
}

function failure(command: string[]): Promise<string> {
  return ensureDaemon(context, command).then(() => "it started", messageOf);
}

describe("ensureDaemon", () => {
  test("starts one in a session of its own, away from here and without the mark of a service", async () => {
    const client = await ensureDaemon(context, daemonScript());
    expect(await client.health()).toMatchObject({ ok: true });
    const pid = daemonPid(home) ?? 0;
    const seen = JSON.parse(readFileSync(join(home, "seen.json"), "utf8"));
    expect(seen).toMatchObject({ cwd: "/", session: String(pid), env: { ORCO_HOME: home } });
    expect(seen.env.ORCO_INSTANCE).toBeUndefined();
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(existsSync(join(home, "daemon.log"))).toBe(true);
  });

  test("two callers at once end with one", async () => {
    const command = daemonScript();
    const clients = await Promise.all([ensureDaemon(context, command), ensureDaemon(context, command)]);
    expect(await Promise.all(clients.map((client) => client.health()))).toHaveLength(2);
  });

  test("one that dies at start says why, with this start's words only", async () => {
    const fails = (words: string) => ["sh", "-c", `printf '%s\\n' "$0"; exit 1`, words];
    expect(await failure(fails("orco: an old story"))).toBe("the daemon ended at its start: an old story");
    expect(await failure(fails("noise\norco: port taken\n      free it"))).toBe("the daemon ended at its start: port taken\n      free it");
    expect(await failure(["true"])).toBe("the daemon ended at its start: it printed nothing");
  });
});

test("from source and compiled it starts itself again", () => {
  expect(daemonCommand("/opt/orco/src/cli").slice(-2)).toEqual(["/opt/orco/src/main.ts", "serve"]);
  expect(daemonCommand("/$bunfs/root")).toEqual([process.execPath, "serve"]);
});

const LOCKS: [string, () => string, boolean][] = [
  ["this very process", () => `${process.pid} ${startTime(process.pid)}`, true],
  ["its pid with another start: reused", () => `${process.pid} 1`, false],
  ["nobody", () => "4194305 1", false],
  ["an empty lock", () => "", false],
];

describe("daemonPid", () => {
  test.each(LOCKS)("%s", async (_name, lock, alive) => {
    await Bun.write(join(home, "lock"), lock());
    expect(daemonPid(home)).toBe(alive ? process.pid : undefined);
    rmSync(join(home, "lock"));
  });
});
