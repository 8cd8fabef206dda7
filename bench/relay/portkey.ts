import { existsSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "../edge/server.ts";
import { execute } from "../peers/execute.ts";
import { environment } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { folderOf } from "./folder.ts";
import type { Gateway, Opened } from "./gateway.ts";

const VERSION = "1.15.2";
/** With newer ones, which its ranges allow, it answers every stream on Node with 500 ("immutable"). */
const HONO = { "@hono/node-server": "1.13.7", hono: "4.9.7" };
const folder = (): string => folderOf("portkey");
const program = (): string => join(folder(), "node_modules/@portkey-ai/gateway/build/start-server.js");

export const portkey: Gateway = {
  name: "portkey",
  available: async () => existsSync(program()),
  install: async () => {
    const manifest = { private: true, dependencies: { "@portkey-ai/gateway": VERSION }, overrides: HONO };
    await Bun.write(join(folder(), "package.json"), JSON.stringify(manifest));
    await execute(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder(), timeoutMs: 300_000 });
  },
  version: async () => `${VERSION}, hono ${HONO.hono}, node ${(await execute(["node", "--version"])).trim()}`,
  open,
};

async function open(ground: Ground, engine: string): Promise<Opened> {
  const home = ground.home("portkey");
  const port = await freePort();
  const env = environment(home, { NODE_ENV: "production" });
  const server = await startServer(["node", program(), "--headless", `--port=${port}`], { port, home, env });
  ground.closing(server.close);
  const headers = ["x-portkey-provider: openai", `x-portkey-custom-host: ${engine}/v1`, "Authorization: Bearer none"];
  return { port, pids: server.pids, lanes: [{ name: "portkey", api: "v1", headers }] };
}
