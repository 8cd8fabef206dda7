import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { bin, pm2 } from "../peers/pm2.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { answering, APP } from "./app.ts";
import { FIRST, REPLICAS, type Roller, type Rolling } from "./roller.ts";

/** Instances of node's cluster share the port; each says when it is ready, and gets a SIGINT when the next one is. */
export const pm2Reload: Roller = {
  available: () => pm2.available(),
  install: () => pm2.install(),
  version: () => pm2.version(),
  name: "pm2",
  how: `reload; cluster mode, ${REPLICAS} instances, wait_ready`,
  open,
};

async function open(ground: Ground): Promise<Rolling> {
  const home = ground.home("pm2-rolling");
  const file = join(home, "ecosystem.config.json");
  const port = await freePort();
  const env = environment(home, { PM2_HOME: join(home, "state"), PM2_DISABLE_VERSION_CHECK: "true" });
  const call = async (...args: string[]) => void (await execute([bin(), ...args], { env, cwd: home, timeoutMs: 3 * PATIENCE_MS }));
  const write = (version: string) => {
    const app = { name: "web", script: APP, exec_mode: "cluster", instances: REPLICAS, wait_ready: true, kill_timeout: 5000 };
    return Bun.write(file, JSON.stringify({ apps: [{ ...app, env: { PORT: String(port), VERSION: version } }] }));
  };
  const close = () => call("kill").catch(() => {});
  ground.closing(close);
  await write(FIRST);
  await call("start", file);
  await answering(port, "pm2");
  return {
    port,
    tells: true,
    close,
    roll: async (version) => {
      await write(version);
      await call("reload", file, "--update-env");
    },
  };
}
