import { existsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { cache, environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Engine, Load, Running } from "./engine.ts";
import { answers, Program, PROGRAMS } from "./program.ts";

const SERVER = "@restatedev/restate-server@1.7";
const SDK = "@restatedev/restate-sdk@1.17";
const modules = () => join(cache("restate"), "node_modules/@restatedev");
const bin = () => join(modules(), `restate-server-linux-${process.arch}/bin/restate-server`);

export const restate: Engine = {
  name: "Restate",
  available: async () => existsSync(bin()) && existsSync(join(modules(), "restate-sdk")),
  install: async () => {
    await Bun.write(join(cache("restate"), "package.json"), "{}");
    await execute(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", SERVER, SDK], {
      cwd: cache("restate"),
      timeoutMs: 300_000,
    });
  },
  version: async () => {
    const { version } = (await Bun.file(join(modules(), "restate-sdk/package.json")).json()) as { version: string };
    return `${(await execute([bin(), "--version"])).trim()}, SDK ${version} on node ${(await execute(["node", "--version"])).trim()}`;
  },
  open,
};

/** One node with its defaults: its log is synced to disk (`rocksdb-disable-wal-fsync = false`). */
async function open(ground: Ground): Promise<Running> {
  const home = ground.home("restate");
  const [ingress, admin, node, service] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const env = environment(home, {
    RESTATE_BASE_DIR: join(home, "state"),
    RESTATE_NODE_NAME: "bench",
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_DISABLE_TELEMETRY: "true",
    DO_NOT_TRACK: "1",
  });
  const handlers = new Program(["node", join(PROGRAMS, "restate-service.mjs"), sdkPath(), String(service)], {
    env: environment(home, { RESTATE_LOGGING: "WARN" }), // else it prints two lines an invocation
    log: join(home, "sdk.log"),
  });
  const server = new Program([bin(), "--no-logo"], { env, log: join(home, "server.log") });
  const close = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await handlers[Symbol.asyncDispose]();
  };
  ground.closing(close);
  await answers(`http://127.0.0.1:${admin}/health`);
  await answers(`http://127.0.0.1:${ingress}/restate/health`);
  await register(admin, service);
  const load = (scene: string) => (how: Load) => [
    process.execPath,
    join(PROGRAMS, "runs-load.ts"),
    JSON.stringify({ scene, url: `http://127.0.0.1:${ingress}`, ...how }),
  ];
  return {
    scenes: [
      { of: "three", how: "handler of three ctx.run", command: load("invoke") },
      { of: "accept", how: "send, an hour later", command: load("send") },
    ],
    pids: [server.pid],
    close,
  };
}

function sdkPath(): string {
  return Bun.resolveSync("@restatedev/restate-sdk", cache("restate"));
}

async function register(admin: number, service: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${service}` }),
    });
    if (answer.ok) return;
    if (performance.now() > until) throw new Error(`Restate does not take the service: ${answer.status} ${await answer.text()}`);
    await Bun.sleep(100);
  }
}
