import { existsSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, located, whereIs } from "../edge/apt.ts";
import { execute } from "../peers/execute.ts";
import { cache, environment, PATIENCE_MS } from "../peers/peer.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Engine, Load, Running } from "./engine.ts";
import { Program, PROGRAMS } from "./program.ts";

const CONCURRENCY = "50";

/** With the client that it recommends on node. */
const PACKAGES = ["bullmq@6.7.0", "ioredis@5"] as const;
const modules = () => join(cache("bullmq"), "node_modules");

export const bullmq: Engine = {
  name: "BullMQ",
  available: async () => whereIs("redis-server") !== undefined && existsSync(join(modules(), "ioredis")),
  install: async () => {
    if (whereIs("redis-server") === undefined) await aptInstall("redis-server");
    await Bun.write(join(cache("bullmq"), "package.json"), "{}");
    await execute(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", ...PACKAGES], {
      cwd: cache("bullmq"),
      timeoutMs: 180_000,
    });
  },
  version: async () => {
    const { version } = (await Bun.file(join(modules(), "bullmq/package.json")).json()) as { version: string };
    const redis = /v=(\S+)/.exec(await execute([located("redis-server"), "--version"]))?.[1] ?? "?";
    return `${version} on node ${(await execute(["node", "--version"])).trim()}, Redis ${redis} with appendfsync always`;
  },
  open,
};

/** What it answers is on disk, as with the others. */
async function open(ground: Ground): Promise<Running> {
  const home = ground.home("bullmq");
  const port = String(await freePort());
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const redis = new Program([located("redis-server"), "--bind", "127.0.0.1", "--port", port, "--dir", home, ...durable], {
    env: environment(home),
    log: join(home, "redis.log"),
  });
  await listens(Number(port));
  const worker = new Program(["node", join(PROGRAMS, "bullmq-worker.mjs"), library(), port, CONCURRENCY]);
  const close = async (): Promise<void> => {
    await worker[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  };
  ground.closing(close);
  await worker.line();
  const load = (scene: string) => (how: Load) => [
    "node",
    join(PROGRAMS, "bullmq-load.mjs"),
    library(),
    JSON.stringify({ scene, port: Number(port), ...how }),
  ];
  return {
    scenes: [
      { of: "three", how: "job with three updateProgress", command: load("work") },
      { of: "accept", how: "add", command: load("accept") },
    ],
    pids: [redis.pid, worker.pid],
    close,
  };
}

function library(): string {
  return join(modules(), "bullmq/dist/cjs/index.js");
}

async function listens(port: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } }).catch(() => undefined);
    socket?.end();
    if (socket) return;
    if (performance.now() > until) throw new Error(`Redis did not listen within ${PATIENCE_MS} ms`);
    await Bun.sleep(20);
  }
}
