import { createServer } from "node:net";

/** Below what Linux gives to outgoing connections. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/**
 * A port for a server that goes and comes back. None of those that outgoing connections get: a client that asks for a server that is dead just now
 * might be given its port, would be connected with itself, and the server could not come back.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
