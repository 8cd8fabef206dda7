import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE_MS } from "../peers/peer.ts";
import { until } from "../peers/observe.ts";
import { parentOf, processes } from "../peers/proc.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { aptInstall, located, whereIs } from "./apt.ts";
import type { Job, Proxy, Running } from "./proxy.ts";
import { startServer } from "./server.ts";

const program = () => located("nginx");

export const nginx: Proxy = {
  name: "nginx",
  protocols: ["http"],
  available: async () => whereIs("nginx") !== undefined,
  install: () => aptInstall("nginx-light"),
  version: async () => {
    const { stderr } = Bun.spawnSync([program(), "-v"]); // it says it there
    return `${stderr.toString().trim().replace("nginx version: ", "")}, one worker process`;
  },
  open,
};

async function open(ground: Ground, { target }: Job): Promise<Running> {
  const home = ground.home("nginx");
  const port = await freePort();
  const file = join(home, "nginx.conf");
  mkdirSync(join(home, "temp"));
  await Bun.write(file, configuration({ home, port, target }));
  const argv = [program(), "-p", home, "-c", file, "-e", join(home, "error.log")];
  const server = await startServer([...argv, "-g", "daemon off;"], { port, home });
  ground.closing(server.close);
  return {
    port,
    pids: server.pids,
    drains: false,
    close: server.close,
    swap: async (next) => {
      const before = workers(server.pid);
      await Bun.write(file, configuration({ home, port, target: next }));
      process.kill(server.pid, "SIGHUP"); // what `nginx -s reload` does
      await until(async () => workers(server.pid).some((pid) => !before.includes(pid)), PATIENCE_MS, "nginx: new worker");
    },
  };
}

function workers(master: number): number[] {
  return processes().filter((pid) => parentOf(pid) === master);
}

/** As others do it: connections are kept on both sides without a limit of requests, and targets are told of the client. */
function configuration({ home, port, target }: { home: string; port: number; target: number }): string {
  return `
pid ${home}/nginx.pid;
error_log ${home}/error.log crit;
worker_processes 1;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${home}/temp/body;
  proxy_temp_path ${home}/temp/proxy;
  fastcgi_temp_path ${home}/temp/fastcgi;
  uwsgi_temp_path ${home}/temp/uwsgi;
  scgi_temp_path ${home}/temp/scgi;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  upstream target { server 127.0.0.1:${target}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://target;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
    }
  }
}
`;
}
