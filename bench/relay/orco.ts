import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { startServer } from "../edge/server.ts";
import { execute } from "../peers/execute.ts";
import { until } from "../peers/observe.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Gateway, Opened } from "./gateway.ts";

const ROOT = join(import.meta.dir, "../..");
const SLOTS = 1024;

export const orco = daemonAt("orco", resolve(process.env["ORCO_BIN"] ?? join(ROOT, "bin/orco")));

/** Another build beside it in the same run: `ORCO_BEFORE` names its `bin/orco`. */
export function before(): Gateway[] {
  const bin = process.env["ORCO_BEFORE"];
  return bin === undefined ? [] : [daemonAt("before", resolve(bin))];
}

function daemonAt(name: string, bin: string): Gateway {
  return {
    name,
    available: async () => existsSync(bin),
    install: async () => {
      throw new Error(`${bin} does not exist`);
    },
    version: async () => {
      const said = await execute([bin, "version"], { env: environment("/nonexistent") });
      return said.trim().split("\n")[0] ?? "";
    },
    open: (ground, engine) => open(ground, engine, { name, bin }),
  };
}

async function open(ground: Ground, engine: string, { name, bin }: { name: string; bin: string }): Promise<Opened> {
  const home = ground.home(name);
  const port = await freePort();
  const env = environment(home, {
    ORCO_HOME: join(home, "state"),
    ORCHD_BIND_ADDR: `127.0.0.1:${port}`,
    ORCHD_ADMISSION_CAPACITY: "10000",
    ...(process.env["ORCO_BENCH_PROFILE"] === name && { BUN_OPTIONS: `--cpu-prof --cpu-prof-dir=${process.cwd()}` }),
  });
  const server = await startServer([bin, "serve"], { port, home, env });
  ground.closing(async () => {
    await execute([bin, "shutdown"], { env, timeoutMs: PATIENCE_MS }).catch(() => "");
    await server.close();
  });
  await register(`http://127.0.0.1:${port}`, engine);
  // The daemon alone: nothing it runs is part of the path.
  const lanes = [`/v1`, `/v2`].map((path) => ({ name: `${name} ${path}`, api: path.slice(1) as "v1" | "v2" }));
  return { port, pids: () => [server.pid], lanes };
}

async function register(url: string, engine: string): Promise<void> {
  const pool = { id: "bench", engine: "openai", models: ["chain"], replicas: [{ id: "r0", url: engine, slots: SLOTS }] };
  await until(
    async () => (await fetch(`${url}/v2/pools`, { method: "POST", headers: json, body: JSON.stringify(pool) })).status < 500,
    PATIENCE_MS,
    "a pool is registered",
  );
  const isReady = async (): Promise<boolean> => ((await (await fetch(`${url}/v2/pools/bench/health`)).json()) as { ready: boolean }).ready;
  await until(isReady, PATIENCE_MS, "the pool is ready");
}

const json = { "content-type": "application/json" };
