import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { until } from "../peers/observe.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { bin, processCompose } from "../peers/process-compose.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { answering, APP, versionAt } from "./app.ts";
import { FIRST, REPLICAS, type Roller, type Rolling } from "./roller.ts";

/** It has no update and nothing in front of replicas: they share the port themselves, and are restarted one by one, each when the one before is ready. */
export const processComposeRestart: Roller = {
  available: () => processCompose.available(),
  install: () => processCompose.install(),
  version: () => processCompose.version(),
  name: "process-compose",
  how: `process restart of one after another; ${REPLICAS} processes on one port (SO_REUSEPORT)`,
  open,
};

interface Instance {
  readonly name: string;
  /** Of it alone. */
  readonly admin: number;
}

async function open(ground: Ground): Promise<Rolling> {
  const home = ground.home("pc-rolling");
  const [file, unix, versionFile] = ["process-compose.yaml", "pc.sock", "version"].map((name) => join(home, name)) as [
    string,
    string,
    string,
  ];
  const port = await freePort();
  const instances: Instance[] = [];
  for (let replica = 0; replica < REPLICAS; replica++) instances.push({ name: `web-${replica}`, admin: await freePort() });
  const shared = { PORT: String(port), LISTEN: "shared", VERSION_FILE: versionFile };
  const processes = instances.map((one) => [one.name, entry(one, { ...shared, ADMIN: String(one.admin) })] as const);
  await Bun.write(file, JSON.stringify({ version: "0.5", is_strict: true, processes: Object.fromEntries(processes) }));
  await Bun.write(versionFile, FIRST);
  const env = environment(home, { XDG_CONFIG_HOME: home });
  const api = ["-U", "-u", unix, "-L", join(home, "client.log")];
  const call = async (...args: string[]) => void (await execute([bin(), ...args], { env, cwd: home, timeoutMs: PATIENCE_MS }));
  const close = () => call("down", ...api).catch(() => {});
  ground.closing(close);
  await call("up", "-D", "-t=false", "-f", file, "-U", "-u", unix, "-L", join(home, "server.log"));
  await answering(port, "process-compose");
  return {
    port,
    tells: true,
    close,
    roll: async (version) => {
      await Bun.write(versionFile, version);
      for (const { name, admin } of instances) {
        await call("process", "restart", name, ...api);
        await until(async () => (await versionAt(admin)) === version, PATIENCE_MS, `${name} restarted`);
      }
    },
  };
}

function entry({ admin }: Instance, environment: Readonly<Record<string, string>>): Record<string, unknown> {
  return {
    command: `exec ${process.execPath} ${APP}`,
    environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    availability: { restart: "always", backoff_seconds: 0 },
    shutdown: { signal: 15, timeout_seconds: 5 },
    readiness_probe: { http_get: { host: "127.0.0.1", scheme: "http", path: "/", port: admin }, period_seconds: 1 },
  };
}
