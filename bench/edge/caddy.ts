import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { environment } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { aptInstall, located, whereIs } from "./apt.ts";
import type { Job, Proxy, Running } from "./proxy.ts";
import { startServer } from "./server.ts";

const program = () => located("caddy");

export const caddy: Proxy = {
  name: "caddy",
  protocols: ["http"],
  available: async () => whereIs("caddy") !== undefined,
  install: () => aptInstall("caddy"),
  version: async () => `${(await execute([program(), "version"])).trim().split(" ")[0]}, GOMAXPROCS=1`,
  open,
};

async function open(ground: Ground, { target }: Job): Promise<Running> {
  const home = ground.home("caddy");
  const port = await freePort();
  const file = join(home, "caddy.json");
  const admin = await freePort();
  await Bun.write(file, configuration({ admin, port, target }));
  const server = await startServer([program(), "run", "--config", file], { port, home, env: environment(home, { GOMAXPROCS: "1" }) });
  ground.closing(server.close);
  return {
    port,
    pids: server.pids,
    drains: false,
    close: server.close,
    swap: async (next) => {
      // What `caddy reload` sends.
      const answer = await fetch(`http://127.0.0.1:${admin}/load`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: configuration({ admin, port, target: next }),
      });
      if (!answer.ok) throw new Error(`caddy refused its new configuration: ${await answer.text()}`);
    },
  };
}

function configuration({ admin, port, target }: { admin: number; port: number; target: number }): string {
  const proxy = {
    handler: "reverse_proxy",
    upstreams: [{ dial: `127.0.0.1:${target}` }],
    transport: { protocol: "http", keep_alive: { max_idle_conns_per_host: 256 } },
  };
  const server = { listen: [`127.0.0.1:${port}`], automatic_https: { disable: true }, protocols: ["h1"], routes: [{ handle: [proxy] }] };
  return JSON.stringify({
    admin: { listen: `127.0.0.1:${admin}`, config: { persist: false } },
    logging: { logs: { default: { level: "ERROR" } } },
    apps: { http: { servers: { bench: server } } },
  });
}
