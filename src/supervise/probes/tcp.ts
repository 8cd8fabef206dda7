import type { TcpProbe } from "../health.ts";
import { open } from "./connection.ts";
import { type Probe, type ProbePorts, type Target, timed } from "./probe.ts";

const SILENT = { onOpen: () => undefined, onData: () => undefined, onEnd: () => undefined };

/** Can a connection be made? It is closed at once. */
export function tcpProbe({ address }: TcpProbe, ports: ProbePorts): Probe {
  const target = parseAddress(address);
  const what = `tcp connect ${address}`;
  return (signal) =>
    timed(what, { ...ports, signal }, async (limit) => {
      if (!target) return { ok: false, detail: `${what} failed: not host:port` };
      const connection = await open(target, SILENT, limit);
      connection.end();
      return { ok: true, detail: `${what} ok` };
    });
}

/** `host:port` and `[v6]:port`. */
function parseAddress(address: string): Target | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? undefined : { host, port: Number(match?.[3]), secure: false };
}
