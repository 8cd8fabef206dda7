import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import { type Server, startServer } from "./server.ts";

export interface BenchTarget extends Server {
  readonly port: number;
}

/** Compiles `bench/programs/edge-target.c`. */
export async function buildTarget(ground: Ground): Promise<string> {
  const program = join(ground.root, "edge-target");
  await execute(["cc", "-O2", "-o", program, join(import.meta.dir, "../programs/edge-target.c")], { timeoutMs: 30_000 });
  return program;
}

export async function startTarget(ground: Ground, program: string): Promise<BenchTarget> {
  const port = await freePort();
  const server = await startServer([program, String(port)], { port, home: ground.home("target") });
  ground.closing(server.close);
  return { ...server, port };
}
