import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, hostname, networkInterfaces, totalmem } from "node:os";
import { join } from "node:path";
import type { GpuFacts } from "../inference/pools/gpu.ts";
import type { Registration } from "../inference/nodes/node.ts";

const MACHINE_ID = /^[0-9a-f-]{8,64}$/i;
const CONNECT_TIMEOUT_MS = 3_000;

/** Of the operating system, else one that is made once and kept in `home`. */
export function machineId(home: string, system = "/etc/machine-id"): string {
  const kept = join(home, "machine-id");
  const known = [system, kept].map(readId).find((id) => id !== undefined);
  if (known !== undefined) return known;
  const made = crypto.randomUUID().replaceAll("-", "");
  writeFileSync(kept, `${made}\n`, { mode: 0o600 });
  return made;
}

function readId(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return MACHINE_ID.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The name of this machine, as an id may be written. */
export function defaultNodeId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 128) || "node"
  );
}

export function capabilitiesOf(gpus: readonly GpuFacts[]): Registration["capabilities"] {
  return {
    gpus: gpus.map(({ index, name, totalBytes }) => ({ device_id: String(index), name, vram_total_bytes: totalBytes })),
    cpu_cores: availableParallelism(),
    ram_total_bytes: totalmem(),
  };
}

/** Addresses of this machine that others can reach. */
export function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(
    all.filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith("fe80")).map(({ address }) => address),
  );
}

/** The address that this machine has towards another one: the one under which that one reaches it. Rejects while it does not answer. */
export async function addressTowards(url: string, timeoutMs = CONNECT_TIMEOUT_MS): Promise<string> {
  const { hostname: host, port, protocol } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  const opened = (socket: Bun.Socket): void => {
    resolve(socket.localAddress.replace(/^::ffff:/, ""));
    socket.terminate();
  };
  const to = { hostname: host.replace(/^\[|\]$/g, ""), port: Number(port || (protocol === "https:" ? 443 : 80)) };
  Bun.connect({ ...to, socket: { open: opened, data() {}, connectError: (_socket, error) => reject(error) } }).catch(reject);
  return promise.finally(() => clearTimeout(timer));
}
