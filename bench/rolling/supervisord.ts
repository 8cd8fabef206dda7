import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { bin, supervisord } from "../peers/supervisord.ts";
import { answering, APP } from "./app.ts";
import { FIRST, REPLICAS, type Roller, type Rolling } from "./roller.ts";

/** It has no update; the kindest that its users do: it holds the listening socket (fcgi-program), and the processes restart one by one. */
export const supervisordRestart: Roller = {
  available: () => supervisord.available(),
  install: () => supervisord.install(),
  version: () => supervisord.version(),
  name: "supervisord",
  how: `restart of one after another, startsecs=1; ${REPLICAS} processes on a socket that it holds`,
  open,
};

async function open(ground: Ground): Promise<Rolling> {
  const home = ground.home("sup-rolling");
  const [file, unix, versionFile] = ["supervisord.conf", "sup.sock", "version"].map((name) => join(home, name)) as [string, string, string];
  const port = await freePort();
  await Bun.write(versionFile, FIRST);
  await Bun.write(file, configuration({ home, unix, versionFile, port }));
  const env = environment(home);
  const call = async (...argv: string[]) => void (await execute(argv, { env, cwd: home, timeoutMs: PATIENCE_MS }));
  const close = () => call(bin("supervisorctl"), "-c", file, "shutdown").catch(() => {});
  ground.closing(close);
  await call(bin("supervisord"), "-c", file);
  await answering(port, "supervisord");
  return {
    port,
    tells: true,
    close,
    roll: async (version) => {
      await Bun.write(versionFile, version);
      for (let replica = 0; replica < REPLICAS; replica++) await call(bin("supervisorctl"), "-c", file, "restart", `web:web_${replica}`);
    },
  };
}

function configuration({ home, unix, versionFile, port }: { home: string; unix: string; versionFile: string; port: number }): string {
  const sections = [
    `[supervisord]\nlogfile=${home}/supervisord.log\npidfile=${home}/supervisord.pid\nchildlogdir=${home}\nuser=${process.env["USER"] ?? "root"}`,
    `[unix_http_server]\nfile=${unix}\nchmod=0700`,
    "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    `[supervisorctl]\nserverurl=unix://${unix}`,
    `[fcgi-program:web]\nsocket=tcp://127.0.0.1:${port}\ncommand=node ${APP}\nnumprocs=${REPLICAS}\nprocess_name=%(program_name)s_%(process_num)d\nstartsecs=1\nstopwaitsecs=5\nautorestart=true`,
    `environment=LISTEN="fd",VERSION_FILE="${versionFile}"`,
  ];
  return `${sections.slice(0, -1).join("\n\n")}\n${sections.at(-1) ?? ""}\n`;
}
