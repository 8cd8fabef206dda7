import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const CALL_TIMEOUT_MS = 20_000;
/** What a demo started from anywhere must not hand on: settings of the caller's own orco, and the switch that turns the binary into bun. */
const NOT_INHERITED = /^(ORCO_|ORCHD_|ORCHESTRATOR_|LLORCH_|BUN_BE_BUN$|GUESTBOOK_|ENGINE_|GREETING$)/;

/** Where the demo plays: a folder and ports of its own. */
export interface Stage {
  /** Every process of the demo carries this path in its environment. */
  readonly folder: string;
  readonly home: string;
  readonly webUrl: string;
  /** Of the app that is deployed from git; its slots listen on `slotPort` and the next one. */
  readonly appUrl: string;
  readonly slotPort: number;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function buildStage(stack = "examples/demo-stack/stack.yaml"): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "orco-demo-"));
  const [api, db, web, http, app, engineA, engineB] = freePorts(7);
  const inherited = Object.entries(process.env).filter(([name, value]) => value !== undefined && !NOT_INHERITED.test(name));
  const env = {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    ORCO_HOME: join(folder, "home"),
    ORCHD_BIND_ADDR: `127.0.0.1:${http}`,
    ORCO_BUN: process.execPath,
    GUESTBOOK_DATA: join(folder, "data"),
    DB_PORT: String(db),
    API_PORT: String(api),
    WEB_PORT: String(web),
    ENGINE_A_PORT: String(engineA),
    ENGINE_B_PORT: String(engineB),
    NO_COLOR: "1",
  };
  const binary = resolve(process.env["ORCO_BIN"] ?? join(ROOT, "bin/orco"));
  return {
    folder,
    home: env.ORCO_HOME,
    webUrl: `http://127.0.0.1:${web}`,
    appUrl: `http://127.0.0.1:${app}`,
    slotPort: freePair(),
    env,
    command: [binary, "-f", join(ROOT, stack)],
  };
}

/** Held open together, so that they differ. */
function freePorts(count: number): number[] {
  const servers = Array.from({ length: count }, () => Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }));
  const ports = servers.map(({ port }) => port);
  for (const server of servers) server.stop(true);
  return ports;
}

/** Below what systems give to outgoing connections, of which the demo makes thousands between the choice and the second start. */
const PAIRS = { from: 20_000, count: 5000 };

/** The first of two neighbours that are both free. */
function freePair(): number {
  for (;;) {
    const port = PAIRS.from + 2 * Math.floor(Math.random() * PAIRS.count);
    if (isFree(port) && isFree(port + 1)) return port;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

/** Runs one orco command to its end. */
export async function orco(stage: Stage, ...args: string[]): Promise<Answer> {
  const startedAt = performance.now();
  const child = Bun.spawn([...stage.command, ...args], {
    env: stage.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: CALL_TIMEOUT_MS,
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const late = performance.now() - startedAt < CALL_TIMEOUT_MS ? "" : `it did not end within ${CALL_TIMEOUT_MS / 1000} s\n`;
  return { code, stdout, stderr: late + stderr };
}

/** Like `orco`, but an exit code other than 0 is an error with what it printed. */
export async function orcoOk(stage: Stage, ...args: string[]): Promise<Answer> {
  const answer = await orco(stage, ...args);
  if (answer.code !== 0) throw new Error(`\`orco ${args.join(" ")}\` exited with ${answer.code}:\n${answer.stderr || answer.stdout}`);
  return answer;
}
