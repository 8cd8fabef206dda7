import { createServer } from "node:net";

/** Below the range from which the kernel takes ports for outgoing connections, so that none of those takes one of ours; above those of test/free-port.ts. */
const FIRST = 22_000;
const LAST = 32_000;
const ATTEMPTS = 200;

export interface Ports {
  readonly port: number;
  /** And the one after it. */
  readonly internalPort: number;
  readonly apiPort: number;
}

export async function freePorts(): Promise<Ports> {
  const [port, apiPort, internalPort] = [await freeRun(1), await freeRun(1), await freeRun(2)];
  return new Set([port, apiPort, internalPort, internalPort + 1]).size === 4 ? { port, internalPort, apiPort } : freePorts();
}

/** The first of `count` ports in a row that nobody holds. */
async function freeRun(count: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no free port between ${FIRST} and ${LAST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
