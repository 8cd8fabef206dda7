import { existsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { cache, environment, PATIENCE_MS, type Peer, type Session } from "./peer.ts";
import type { BenchStack, Ground } from "./stack.ts";

const VERSION = "7.0.4";
export const bin = () => join(cache("pm2"), "node_modules/pm2/bin/pm2");

export const pm2: Peer = {
  name: "pm2",
  can: { graph: false, probes: false, restart: true, status: true },
  available: async () => existsSync(bin()),
  install: async () => {
    await Bun.write(join(cache("pm2"), "package.json"), "{}");
    await execute(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", `pm2@${VERSION}`], {
      cwd: cache("pm2"),
      timeoutMs: 180_000,
    });
  },
  version: async () => {
    const { version } = (await Bun.file(join(cache("pm2"), "node_modules/pm2/package.json")).json()) as { version: string };
    return `${version} on node ${(await execute(["node", "--version"])).trim()}`;
  },
  open,
};

async function open(ground: Ground, stack: BenchStack): Promise<Session> {
  const home = ground.home("pm2");
  const file = join(home, "ecosystem.config.json");
  const apps = stack.services.map(({ name, command: [script, ...args] }) => ({
    name,
    script,
    args,
    interpreter: "none",
    exec_mode: "fork",
    restart_delay: 0,
    max_restarts: 10_000,
  }));
  await Bun.write(file, JSON.stringify({ apps }));
  const env = environment(home, { PM2_HOME: join(home, "state"), PM2_DISABLE_VERSION_CHECK: "true" });
  const call = async (...args: string[]) => void (await execute([bin(), ...args], { env, cwd: home, timeoutMs: PATIENCE_MS }));
  return {
    env,
    says: "start returns",
    status: [bin(), "jlist"],
    logs: {
      last: (service) => [bin(), "logs", service, "--nostream", "--raw", "--lines", "1"],
      kept: (service) => Bun.file(join(home, `state/logs/${service}-out.log`)).text(),
    },
    up: () => call("start", file),
    down: () => call("delete", "all"),
    close: () => call("kill").catch(() => {}),
  };
}
