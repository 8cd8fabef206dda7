/** The outside observer: connects to the services' own ports, so every tool is measured by the same eyes. */
import { connect } from "node:net";
import { gone } from "./proc.ts";
import type { BenchStack } from "./stack.ts";

/** One look at the port: the pid that answers there, or undefined. */
export function answer(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  let text = "";
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setTimeout(1000, () => socket.destroy());
  socket.on("connect", () => socket.write("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"));
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", () => resolve(undefined));
  socket.on("close", () => resolve(text.startsWith("HTTP/1.1 200") ? Number(text.split("\r\n\r\n")[1]) : undefined));
  return promise;
}

/**
 * Resolves when every service has answered. It waits for one port at a time – an open one stays open – so that looking
 * costs next to nothing beside the tool under test; the error is one look (2 ms).
 */
export async function allAnswer(stack: BenchStack, patienceMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (const { port, name } of stack.services) {
    while ((await answer(port)) === undefined) {
      signal?.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`${name} did not answer within ${patienceMs} ms`);
      await Bun.sleep(2);
    }
  }
}

export async function allGone(pids: readonly number[], patienceMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (const pid of pids) {
    while (!gone(pid)) {
      signal?.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`process ${pid} still runs after ${patienceMs} ms`);
      await Bun.sleep(2);
    }
  }
}

/** Resolves when another process than `pid` answers there. */
export async function answersAnew(port: number, pid: number, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const who = await answer(port);
    if (who !== undefined && who !== pid) return;
    if (performance.now() > deadline) throw new Error(`no new process on port ${port} after ${patienceMs} ms`);
    await Bun.sleep(0.5);
  }
}

/** Asks `done` every 25 ms: for tools that answer "is it up?" only when asked. */
export async function until(done: () => Promise<boolean>, patienceMs: number, what: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await done().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`);
    await Bun.sleep(25);
  }
}

export interface Both {
  /** Until the tool's own call returned. */
  readonly toolMs: number;
  /** Until the observer had seen it. */
  readonly seenMs: number;
}

/** Times a tool's call and what the observer sees meanwhile, from one start. When the call fails, the observer stops looking. */
export async function timeBoth(call: () => Promise<void>, look: (signal: AbortSignal) => Promise<void>): Promise<Both> {
  const lookers = new AbortController();
  const started = performance.now();
  const since = () => performance.now() - started;
  try {
    const [toolMs, seenMs] = await Promise.all([call().then(since), look(lookers.signal).then(since)]);
    return { toolMs, seenMs };
  } finally {
    lookers.abort();
  }
}
