import { join } from "node:path";
import { startServer } from "../edge/server.ts";
import { freePort, type Ground } from "../peers/stack.ts";

const PROGRAM = join(import.meta.dir, "../programs/relay-engine.ts");

/** The mock engine as a process of its own: a write for each token, as fast as it can. */
export async function startEngine(
  ground: Ground,
): Promise<{ readonly port: number; readonly url: string; readonly pids: () => readonly number[] }> {
  const port = await freePort();
  const settings = { port, slots: 1024 };
  const server = await startServer([process.execPath, PROGRAM, JSON.stringify(settings)], { port, home: ground.home("engine") });
  ground.closing(server.close);
  return { port, url: `http://127.0.0.1:${port}`, pids: server.pids };
}
