import { existsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { cache, environment, PATIENCE_MS, type Peer, type Session } from "./peer.ts";
import type { BenchStack, Ground } from "./stack.ts";

const MODULE = "github.com/DarthSim/hivemind";
const VERSION = "v1.1.0";
const bin = () => join(cache("hivemind"), `hivemind-${VERSION}`);

export const hivemind: Peer = {
  name: "hivemind",
  can: { graph: false, probes: false, restart: false, status: false },
  available: async () => existsSync(bin()),
  install: async () => {
    await Bun.write(join(cache("hivemind"), "go.mod"), `module peer\ngo 1.24\nrequire ${MODULE} ${VERSION}\n`);
    const go = (...args: string[]) => execute(["go", ...args], { cwd: cache("hivemind"), timeoutMs: 180_000 });
    await go("mod", "download", MODULE);
    await go("build", "-mod=mod", "-o", bin(), MODULE);
  },
  version: async () => VERSION,
  open,
};

/** A foreground runner without any state to ask for: only the outside observer can tell when it is up. */
async function open(ground: Ground, stack: BenchStack): Promise<Session> {
  const home = ground.home("hm");
  const file = join(home, "Procfile");
  await Bun.write(file, stack.services.map(({ name, command }) => `${name}: exec ${command.join(" ")}\n`).join(""));
  const env = environment(home);
  let child: Bun.Subprocess | undefined;
  const down = async () => {
    child?.kill("SIGTERM");
    const late = setTimeout(() => child?.kill("SIGKILL"), PATIENCE_MS);
    await child?.exited;
    clearTimeout(late);
  };
  return {
    env,
    says: undefined,
    up: async () => {
      child = Bun.spawn([bin(), file], { env, cwd: home, stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    },
    down,
    close: down,
  };
}
