import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import type { Ground } from "../peers/stack.ts";
import type { Lane } from "./gateway.ts";

export interface Asked {
  /** `kept`: a connection serves many requests. `new`: one each. */
  readonly connections: "kept" | "new";
  readonly clients: number;
  readonly requests: number;
  /** Of each answer. */
  readonly tokens: number;
}

/** What `bench/programs/relay-load.c` saw. */
export interface Heard {
  readonly seconds: number;
  readonly tokens: number;
  readonly failed: number;
  /** Of the first failure. */
  readonly why: string;
  /** CPU time of the clients themselves. */
  readonly cpu_s: number;
  readonly first_us: readonly number[];
  readonly whole_us: readonly number[];
}

const TIMEOUT_MS = 120_000;

/** Compiles the clients. */
export async function buildLoad(ground: Ground): Promise<string> {
  const program = join(ground.root, "relay-load");
  const source = join(import.meta.dir, "../programs/relay-load.c");
  await execute(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, source], { timeoutMs: 30_000 });
  return program;
}

export async function load(program: string, at: Lane & { readonly port: number }, asked: Asked): Promise<Heard> {
  const { connections, clients, requests, tokens } = asked;
  const argv = [program, at.port, at.api, connections, clients, requests, tokens, ...(at.headers ?? [])].map(String);
  return JSON.parse(await execute(argv, { timeoutMs: TIMEOUT_MS })) as Heard;
}
