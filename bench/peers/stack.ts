/** The workload: services in layers, each an own process that listens within a millisecond (`bench/programs/tiny-http.c`). */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { gone, runningFrom } from "./proc.ts";

export interface BenchService {
  readonly name: string;
  readonly port: number;
  readonly dependsOn: readonly string[];
  readonly command: readonly [string, ...string[]];
}

export interface BenchStack {
  readonly services: readonly BenchService[];
  /** Http probes each second and dependencies on readiness, else none and dependencies on the start alone. */
  readonly probes: boolean;
  /** What the services print is to be kept, by tools that have to be asked. */
  readonly keepsLogs?: boolean;
}

export interface Shape {
  readonly services: number;
  readonly layers: number;
  readonly probes: boolean;
}

/** A temporary place for one bench: the service's executable, homes of the tools. */
export class Ground {
  readonly root: string;
  readonly program: string;
  #homes = 0;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #interrupted = () => void this.close().finally(() => process.exit(130));

  /** `parent`: where a bench needs a disk, and `/tmp` may be memory. */
  constructor(parent = tmpdir()) {
    this.root = mkdtempSync(join(parent, "orco-bench-"));
    this.program = join(this.root, "tiny-http");
    process.once("SIGINT", this.#interrupted);
    process.once("SIGTERM", this.#interrupted);
  }

  /** What to end when this bench ends, however it ends. */
  closing(close: () => Promise<void>): void {
    this.#closers.push(close);
  }

  async build(): Promise<void> {
    const source = join(import.meta.dir, "../programs/tiny-http.c");
    const compile = (...flags: string[]) => execute(["cc", "-O2", ...flags, "-o", this.program, source], { timeoutMs: 30_000 });
    try {
      await compile("-static");
    } catch {
      await compile();
    }
  }

  home(name: string): string {
    const home = join(this.root, `${name}-${++this.#homes}`);
    mkdirSync(home, { recursive: true });
    return home;
  }

  /** Pids of the services that run now; nothing else runs from this file. */
  services(): number[] {
    return runningFrom(this.program);
  }

  /** Ends what a tool left running. Answers how many services that were. */
  async sweep(): Promise<number> {
    const left = this.services();
    for (const pid of left) if (!gone(pid)) process.kill(pid, "SIGKILL");
    for (let i = 0; i < 100 && this.services().length > 0; i++) await Bun.sleep(10);
    return left.length;
  }

  async close(): Promise<void> {
    process.off("SIGINT", this.#interrupted);
    process.off("SIGTERM", this.#interrupted);
    for (const close of this.#closers.splice(0)) await close().catch(() => {});
    await this.sweep();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Every service needs two of the layer before its own. */
export async function makeStack(ground: Ground, shape: Shape): Promise<BenchStack> {
  const ports = await freePorts(shape.services);
  const width = Math.ceil(shape.services / shape.layers);
  const name = (i: number) => `svc-${String(i).padStart(3, "0")}`;
  const before = (i: number) => (Math.floor(i / width) - 1) * width;
  const services = ports.map((port, i) => ({
    name: name(i),
    port,
    dependsOn: i < width ? [] : [...new Set([before(i) + (i % width), before(i) + ((i + 1) % width)])].map(name),
    command: [ground.program, String(port)] as const,
  }));
  return { services, probes: shape.probes };
}

const FIRST_PORT = 15_000;
const PORT_SPAN = 15_000; // below the kernel's ephemeral range, so that no outgoing connection takes one meanwhile

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  let port = FIRST_PORT + Math.floor(Math.random() * PORT_SPAN);
  for (let tries = 0; ports.length < count && tries < PORT_SPAN; tries++) {
    if (++port >= FIRST_PORT + PORT_SPAN) port = FIRST_PORT;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server: Server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  return promise;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] ?? FIRST_PORT;
}
