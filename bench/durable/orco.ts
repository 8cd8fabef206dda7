import { join, resolve } from "node:path";
import { orco as daemon } from "../peers/orco.ts";
import { environment } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Engine, Load, Running, Scene } from "./engine.ts";
import { answers, Program, PROGRAMS } from "./program.ts";

/** `ORCO_BIN` names another one, e.g. `dist/orco`. */
const BIN = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../../bin/orco"));

export const orco: Engine = {
  name: "orco",
  available: () => daemon.available(),
  install: () => daemon.install(),
  version: () => daemon.version(),
  open,
};

/** As a user has it, but for the limit on requests a minute. */
async function open(ground: Ground): Promise<Running> {
  const home = ground.home("orco");
  const bind = `127.0.0.1:${await freePort()}`;
  const url = `http://${bind}`;
  const own = { ORCO_HOME: join(home, "state"), ORCHD_BIND_ADDR: bind, RATE_LIMIT_MAX: "0" };
  const service = new Program(["node", join(PROGRAMS, "step-service.mjs")]);
  const server = new Program([BIN, "serve"], { env: environment(home, own), log: join(home, "daemon.log") });
  const close = async (): Promise<void> => {
    await server[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  };
  ground.closing(close);
  const step = `http://127.0.0.1:${await service.line()}/step`;
  await answers(`${url}/ready`);
  const load = (scene: string) => (how: Load) => [
    process.execPath,
    join(PROGRAMS, "runs-load.ts"),
    JSON.stringify({ scene, url, step, ...how }),
  ];
  const scenes: Scene[] = [
    { of: "three", how: "plan of three http steps", command: load("plan") },
    { of: "three", how: "worker: claim, three checkpoints, finish", command: load("external") },
    { of: "accept", how: "POST /runs, external", command: load("accept") },
    { of: "checkpoint", how: "POST checkpoints", command: load("checkpoint") },
  ];
  return { scenes, pids: [server.pid], close };
}
