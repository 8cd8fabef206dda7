import { join, resolve } from "node:path";
import { execute } from "../peers/execute.ts";
import { orco as daemon } from "../peers/orco.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { APP, answering } from "./app.ts";
import { containerProgram, IMAGE, needDocker } from "./image.ts";
import { FIRST, REPLICAS, type Roller, type Rolling } from "./roller.ts";

const BIN = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../../bin/orco"));

type Service = (version: string, port: number) => Record<string, unknown>;

const common = { available: () => daemon.available(), install: () => daemon.install(), version: () => daemon.version() };
const HOW = `apply; ${REPLICAS} replicas behind its edge, one more at a time`;

export const orcoProcesses: Roller = {
  ...common,
  name: "orco, processes",
  how: HOW,
  open: (ground) => open(ground, true, (version) => ({ command: ["node", APP], env: { VERSION: version }, stop: { timeout: "5s" } })),
};

export const orcoContainers: Roller = {
  ...common,
  name: "orco, containers",
  how: HOW,
  available: async () => {
    await needDocker();
    return daemon.available();
  },
  open: async (ground) => {
    const program = await containerProgram(ground);
    return open(ground, false, (version) => ({
      image: IMAGE,
      init: true,
      command: ["/target", "8080", "any"],
      env: { VERSION: version },
      volumes: [`${program}:/target:ro`],
    }));
  },
};

async function open(ground: Ground, tells: boolean, service: Service): Promise<Rolling> {
  const home = ground.home("rolling");
  const file = join(home, "stack.yaml");
  const port = await freePort();
  const env = environment(home, { ORCO_HOME: join(home, "state"), ORCHD_BIND_ADDR: `127.0.0.1:${await freePort()}` });
  const call = async (...args: string[]) => void (await execute([BIN, "-f", file, ...args], { env, timeoutMs: 3 * PATIENCE_MS }));
  const write = async (version: string) => {
    const web = {
      ...service(version, port),
      ports: [{ host: port, container: 8080, protocol: "http" }],
      replicas: REPLICAS,
      health: { interval: "1s", http: { url: `http://127.0.0.1:${port}/` } },
    };
    await Bun.write(file, JSON.stringify({ version: 0.1, stack: { name: "bench-rolling" }, services: { web } })); // YAML is a superset of it
  };
  await write(FIRST);
  const close = async (): Promise<void> => {
    await call("down").catch(() => {});
    await execute([BIN, "shutdown"], { env, timeoutMs: PATIENCE_MS }).catch(() => "");
  };
  ground.closing(close);
  await call("up", "-d", "--wait");
  await answering(port, "orco");
  return {
    port,
    tells,
    close,
    roll: async (version) => {
      await write(version);
      await call("apply", "--quiet");
    },
  };
}
