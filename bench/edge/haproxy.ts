import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { until } from "../peers/observe.ts";
import { PATIENCE_MS } from "../peers/peer.ts";
import { parentOf, processes } from "../peers/proc.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { aptInstall, located, whereIs } from "./apt.ts";
import type { Job, Proxy, Running } from "./proxy.ts";
import { startServer } from "./server.ts";

const program = () => located("haproxy");

export const haproxy: Proxy = {
  name: "haproxy",
  protocols: ["http", "tcp"],
  available: async () => whereIs("haproxy") !== undefined,
  install: () => aptInstall("haproxy"),
  version,
  open: (ground, job) => open(ground, job, ""),
};

/** The kernel moves the bytes of bigger bodies. */
export const haproxySplicing: Proxy = {
  ...haproxy,
  name: "haproxy, option splice-auto",
  protocols: ["tcp"],
  open: (ground, job) => open(ground, job, "option splice-auto"),
};

async function version(): Promise<string> {
  const said = await execute([program(), "-v"]);
  return `${/version (\S+)/.exec(said)?.[1] ?? said.trim()}, nbthread 1`;
}

async function open(ground: Ground, job: Job, option: string): Promise<Running> {
  const home = ground.home("haproxy");
  const port = await freePort();
  const file = join(home, "haproxy.cfg");
  await Bun.write(file, configuration({ ...job, home, port, option }));
  const server = await startServer([program(), "-W", "-db", "-f", file], { port, home });
  ground.closing(server.close);
  return {
    port,
    pids: server.pids,
    drains: false,
    close: server.close,
    swap: async (target) => {
      const before = workers(server.pid);
      await Bun.write(file, configuration({ ...job, target, home, port, option }));
      process.kill(server.pid, "SIGUSR2"); // what `systemctl reload haproxy` does
      await until(async () => workers(server.pid).some((pid) => !before.includes(pid)), PATIENCE_MS, "haproxy: new worker");
    },
  };
}

function workers(master: number): number[] {
  return processes().filter((pid) => parentOf(pid) === master);
}

function configuration(job: Job & { home: string; port: number; option: string }): string {
  const { protocol, target, home, port, option } = job;
  return `
global
  nbthread 1
  maxconn 4000
  stats socket ${home}/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode ${protocol}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  ${option}
frontend in
  bind 127.0.0.1:${port} backlog 4096
  default_backend out
${protocol === "http" ? HEADERS : ""}
backend out
  ${protocol === "http" ? "http-reuse always" : ""}
  server one 127.0.0.1:${target}
`;
}

const HEADERS = `
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  unique-id-format %{+X}o%pid%rt
  unique-id-header X-Request-Id
`;
