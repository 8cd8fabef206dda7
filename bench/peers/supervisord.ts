import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { until } from "./observe.ts";
import { cache, environment, PATIENCE_MS, type Peer, type Session } from "./peer.ts";
import type { BenchStack, Ground } from "./stack.ts";

const VERSION = "4.2.5"; // Debian's
export const bin = (name: string) => join(cache("supervisor"), "bin", name);

export const supervisord: Peer = {
  name: "supervisord",
  can: { graph: false, probes: false, restart: true, status: true },
  available: async () => existsSync(bin("supervisord")),
  install: async () => {
    await execute(["python3", "-m", "venv", cache("supervisor")], { timeoutMs: 60_000 });
    // It needs pkg_resources, which newer setuptools no longer bring.
    await execute([bin("pip"), "install", "-q", "--disable-pip-version-check", `supervisor==${VERSION}`, "setuptools<81"], {
      timeoutMs: 120_000,
    });
  },
  version: async () =>
    `${(await execute([bin("supervisord"), "--version"])).trim()} on ${(await execute([bin("python"), "--version"])).trim()}`,
  open,
};

async function open(ground: Ground, stack: BenchStack): Promise<Session> {
  const home = ground.home("sup");
  const file = join(home, "supervisord.conf");
  const unix = join(home, "sup.sock");
  await Bun.write(file, configuration(stack, { home, unix }));
  const env = environment(home);
  const call = async (...argv: string[]) => void (await execute(argv, { env, cwd: home, timeoutMs: PATIENCE_MS }));
  const shutdown = () => call(bin("supervisorctl"), "-c", file, "shutdown");
  return {
    env,
    says: "its API, asked every 25 ms",
    status: [bin("supervisorctl"), "-c", file, "status"],
    logs: {
      last: (service) => [bin("supervisorctl"), "-c", file, "tail", "-200", service],
      kept: async (service) => {
        const names = readdirSync(home).filter((name) => name.startsWith(`${service}-stdout`));
        return (await Promise.all(names.toSorted().map((name) => Bun.file(join(home, name)).text()))).join("");
      },
    },
    up: async () => {
      await call(bin("supervisord"), "-c", file);
      await until(() => isUp(unix, stack.services.length), PATIENCE_MS, "supervisord");
    },
    down: shutdown,
    close: () => shutdown().catch(() => {}),
  };
}

async function isUp(unix: string, count: number): Promise<boolean> {
  const body = '<?xml version="1.0"?><methodCall><methodName>supervisor.getAllProcessInfo</methodName><params/></methodCall>';
  const headers = { "content-type": "text/xml" };
  const answer = await fetch("http://localhost/RPC2", { unix, method: "POST", body, headers, signal: AbortSignal.timeout(10_000) });
  return (await answer.text()).split("<string>RUNNING</string>").length - 1 === count;
}

function configuration(stack: BenchStack, { home, unix }: { home: string; unix: string }): string {
  const sections = [
    `[supervisord]\nlogfile=${home}/supervisord.log\npidfile=${home}/supervisord.pid\nchildlogdir=${home}\nuser=${process.env["USER"] ?? "root"}`,
    `[unix_http_server]\nfile=${unix}\nchmod=0700`,
    "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    `[supervisorctl]\nserverurl=unix://${unix}`,
    // startsecs=0: running as soon as it is started, which is kinder to it than its default of one second.
    ...stack.services.map(({ name, command }) => `[program:${name}]\ncommand=${command.join(" ")}\nautorestart=true\nstartsecs=0`),
  ];
  return `${sections.join("\n\n")}\n`;
}
