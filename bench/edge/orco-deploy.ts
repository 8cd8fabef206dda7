import { join, resolve } from "node:path";
import { execute } from "../peers/execute.ts";
import { orco as daemon } from "../peers/orco.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Proxy, Running } from "./proxy.ts";
import { buildTarget } from "./target.ts";

const BIN = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../../bin/orco"));

/** The whole of it: each swap is `orco deploy` of another commit, and the former process is stopped. It brings its own targets. */
export const orcoDeploy: Proxy = {
  name: "orco deploy",
  protocols: ["http"],
  available: () => daemon.available(),
  install: () => daemon.install(),
  version: async () => `${await daemon.version()}, its usual workers`,
  open: (ground) => open(ground),
};

async function open(ground: Ground): Promise<Running> {
  const home = ground.home("orco-deploy");
  const repo = ground.home("app");
  const port = await freePort();
  const env = environment(home, {
    ORCO_HOME: join(home, "state"),
    ORCHD_BIND_ADDR: `127.0.0.1:${await freePort()}`,
    GIT_CONFIG_GLOBAL: "/dev/null",
  });
  const call = async (...argv: string[]) => void (await execute(argv, { env, cwd: repo, timeoutMs: PATIENCE_MS }));
  const contract = {
    start_command: `exec ${await buildTarget(ground)} $PORT`,
    port,
    internal_port: await freePort(),
    health_endpoint: "/",
  };
  const commit = async () => {
    await call("git", "-c", "user.name=bench", "-c", "user.email=bench@bench.test", "commit", "-q", "--allow-empty", "-m", "next");
  };
  const deploy = async () => {
    await commit();
    await call(BIN, "deploy");
  };
  await call("git", "init", "-q");
  await Bun.write(join(repo, "orco.app.json"), JSON.stringify(contract));
  await call("git", "add", ".");
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    // Without an app there is no route, and without a route no worker.
    await call(BIN, "app", "remove", "bench").catch(() => undefined);
    await call(BIN, "shutdown").catch(() => undefined);
  };
  ground.closing(close);
  await commit();
  await call(BIN, "app", "add", "bench", "--repo", repo);
  await call(BIN, "deploy");
  return { port, pids: () => [], drains: false, close, swap: deploy };
}
