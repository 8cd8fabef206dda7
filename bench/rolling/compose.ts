import { join } from "node:path";
import { compose } from "../peers/compose.ts";
import { execute } from "../peers/execute.ts";
import { environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { answering } from "./app.ts";
import { containerProgram, IMAGE, needDocker } from "./image.ts";
import { FIRST, type Roller, type Rolling } from "./roller.ts";

/** It has nothing in front of replicas: one container publishes the port, and is stopped before the next one is made. */
export const composeUp: Roller = {
  name: "docker compose",
  how: "up -d after a change, which recreates; 1 container, for replicas cannot share a published port",
  available: async () => {
    await needDocker();
    return compose.available();
  },
  install: () => compose.install(),
  version: () => compose.version(),
  open,
};

async function open(ground: Ground): Promise<Rolling> {
  const home = ground.home("compose-rolling");
  const file = join(home, "compose.json");
  const port = await freePort();
  const program = await containerProgram(ground);
  const argv = [compose.bin(), "-p", `orco-bench-rolling-${process.pid}`, "-f", file];
  const env = environment(home);
  const call = async (...args: string[]) => void (await execute([...argv, ...args], { env, cwd: home, timeoutMs: 3 * PATIENCE_MS }));
  const write = (version: string) => {
    const web = {
      image: IMAGE,
      init: true,
      command: ["/target", "8080", "any"],
      environment: { VERSION: version },
      ports: [`127.0.0.1:${port}:8080`],
      volumes: [`${program}:/target:ro`],
    };
    return Bun.write(file, JSON.stringify({ services: { web } }));
  };
  const close = () => call("down", "-t", "1").catch(() => {});
  ground.closing(close);
  await write(FIRST);
  await call("up", "-d");
  await answering(port, "docker compose");
  return {
    port,
    tells: false,
    close,
    roll: async (version) => {
      await write(version);
      await call("up", "-d");
      await answering(port, "docker compose");
    },
  };
}
