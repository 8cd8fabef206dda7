import { existsSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "../edge/server.ts";
import { execute } from "../peers/execute.ts";
import { environment } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { folderOf } from "./folder.ts";
import type { Gateway, Opened } from "./gateway.ts";

interface Router {
  readonly name: string;
  readonly version: string;
  readonly argv: readonly string[];
}

const bin = (name: string): string => join(folderOf("py"), "bin", name);

/** Both are Rust behind a Python launcher; their own health checks and retries are as they come. */
export const sglangRouter = router({ name: "sglang-router", version: "0.3.2", argv: ["launch", "--log-level", "warn"] });
export const vllmRouter = router({ name: "vllm-router", version: "0.1.17", argv: ["--log-level", "warning"] });

function router({ name, version, argv }: Router): Gateway {
  return {
    name,
    available: async () => existsSync(bin(name)),
    install: async () => {
      if (!existsSync(bin("pip"))) await execute(["python3", "-m", "venv", folderOf("py")], { timeoutMs: 60_000 });
      await execute([bin("pip"), "install", "-q", "--disable-pip-version-check", `${name}==${version}`], { timeoutMs: 300_000 });
    },
    version: async () => {
      const shown = await execute([bin("pip"), "show", name], { timeoutMs: 30_000 });
      return /^Version: (.*)$/m.exec(shown)?.[1] ?? "unknown";
    },
    open: (ground, engine) => open(ground, engine, { name, version, argv }),
  };
}

async function open(ground: Ground, engine: string, { name, argv }: Router): Promise<Opened> {
  const home = ground.home(name);
  const port = await freePort();
  const where = ["--host", "127.0.0.1", "--port", `${port}`, "--prometheus-port", `${await freePort()}`];
  const command = [bin(name), ...argv, ...where, "--worker-urls", engine, "--policy", "round_robin"];
  const server = await startServer(command, { port, home, env: environment(home) });
  ground.closing(server.close);
  return { port, pids: server.pids, lanes: [{ name, api: "v1" }] };
}
