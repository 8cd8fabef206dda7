import { existsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { until } from "./observe.ts";
import { cache, environment, PATIENCE_MS, type Peer, type Session } from "./peer.ts";
import type { BenchService, BenchStack, Ground } from "./stack.ts";

const MODULE = "github.com/f1bonacc1/process-compose";
const VERSION = "v1.64.1"; // the last one the Go module proxy serves
const folder = () => cache("process-compose");
export const bin = () => join(folder(), `process-compose-${VERSION}`);

export const processCompose: Peer = {
  name: "process-compose",
  can: { graph: true, probes: true, restart: true, status: true },
  available: async () => existsSync(bin()),
  install: async () => {
    await Bun.write(join(folder(), "go.mod"), `module peer\ngo 1.24\nrequire ${MODULE} ${VERSION}\n`);
    const go = (...args: string[]) => execute(["go", ...args], { cwd: folder(), timeoutMs: 280_000 });
    await go("mod", "download", MODULE);
    await go("build", "-mod=mod", "-o", bin(), `${MODULE}/src`);
  },
  version: async () => VERSION,
  open,
};

async function open(ground: Ground, stack: BenchStack): Promise<Session> {
  const home = ground.home("pc");
  const file = join(home, "process-compose.yaml");
  await Bun.write(file, configuration(stack, home));
  const unix = join(home, "pc.sock");
  const env = environment(home, { XDG_CONFIG_HOME: home });
  const api = ["-U", "-u", unix, "-L", join(home, "client.log")];
  const call = async (...args: string[]) => void (await execute([bin(), ...args], { env, cwd: home, timeoutMs: PATIENCE_MS }));
  const down = () => call("down", ...api);
  return {
    env,
    says: "its API, asked about each service in turn",
    status: [bin(), "process", "list", "-o", "wide", ...api],
    logs: {
      last: (service) => [bin(), "process", "logs", service, "--tail", "1", ...api],
      kept: (service) => Bun.file(logOf(home, service)).text(),
    },
    up: async () => {
      await call("up", "-D", "-t=false", "--ordered-shutdown", "-f", file, "-U", "-u", unix, "-L", join(home, "server.log"));
      await allUp(unix, stack);
    },
    down,
    close: () => down().catch(() => {}),
  };
}

interface State {
  readonly is_ready: string;
  readonly is_running: boolean;
}

/**
 * `project is-ready --wait` looks once a second, and its list of all processes takes 0.7 s to answer with 100 of them (it
 * measures each one's CPU): it is asked about one service at a time, which stays up once it is.
 */
async function allUp(unix: string, stack: BenchStack): Promise<void> {
  for (const { name } of stack.services) {
    await until(async () => isUp(await ask(unix, `/process/${name}`), stack.probes), PATIENCE_MS, `process-compose: ${name} up`);
  }
}

interface State {
  readonly is_ready: string;
  readonly is_running: boolean;
}

function isUp(state: State, probes: boolean): boolean {
  return state.is_running && (!probes || state.is_ready === "Ready");
}

async function ask(unix: string, path: string): Promise<State> {
  const answer = await fetch(`http://localhost${path}`, { unix, signal: AbortSignal.timeout(2000) });
  return (await answer.json()) as State;
}

/** It keeps the last 1000 lines in memory; in a file, where it is told one, all of them. */
function logOf(home: string, service: string): string {
  return join(home, `${service}.log`);
}

function configuration(stack: BenchStack, home: string): string {
  const processes = stack.services.map(
    (service) =>
      [service.name, { ...entry(service, stack.probes), ...(stack.keepsLogs && { log_location: logOf(home, service.name) }) }] as const,
  );
  return JSON.stringify({ version: "0.5", is_strict: true, processes: Object.fromEntries(processes) });
}

function entry(service: BenchService, probes: boolean): Record<string, unknown> {
  const condition = probes ? "process_healthy" : "process_started";
  return {
    command: `exec ${service.command.join(" ")}`, // it always runs a shell; exec keeps that from staying
    availability: { restart: "always", backoff_seconds: 0 },
    depends_on: Object.fromEntries(service.dependsOn.map((target) => [target, { condition }])),
    ...(probes && { readiness_probe: probe(service.port) }),
  };
}

function probe(port: number): Record<string, unknown> {
  const http_get = { host: "127.0.0.1", scheme: "http", path: "/", port };
  return { http_get, initial_delay_seconds: 0, period_seconds: 1, timeout_seconds: 1, success_threshold: 1, failure_threshold: 3 };
}
