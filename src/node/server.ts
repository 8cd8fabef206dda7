import { addressText, type BindAddress } from "../http/bind.ts";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { listenPlain } from "../edge/sockets.ts";
import { Connection, type NodeSite } from "./connection.ts";

/** More at once are reset: each relayed request holds two sockets. */
const MAX_CONNECTIONS = 4_096;

export interface NodeServer {
  readonly port: number;
  /** Accepts no more, waits for what is relayed, `graceMs` at most or until `hurry`, and cuts what is left. */
  close(graceMs: number, hurry: AbortSignal): Promise<void>;
}

/** The pool-manager API of this node, with the relay to its engines. Throws `port_in_use`, `config`. */
export function serveNode(site: NodeSite, bind: BindAddress): NodeServer {
  const connections = new Set<Connection>();
  let idle: (() => void) | undefined;
  const listener = listenOn(bind, (wire) => {
    if (connections.size >= MAX_CONNECTIONS) return wire.reset();
    const connection = new Connection(wire, site, () => {
      connections.delete(connection);
      if (!isBusy(connections)) idle?.();
    });
    connections.add(connection);
    wire.handlers = connection;
  });
  return {
    port: listener.port,
    async close(graceMs, hurry) {
      listener.stop();
      const left = new AbortController();
      if (isBusy(connections)) {
        const { promise, resolve } = Promise.withResolvers<void>();
        idle = resolve;
        await Promise.race([promise, site.clock.sleep(graceMs, AbortSignal.any([left.signal, hurry])).catch(() => undefined)]);
        left.abort();
      }
      for (const connection of connections) connection.cut();
    },
  };
}

function isBusy(connections: ReadonlySet<Connection>): boolean {
  return Array.from(connections).some((connection) => connection.busy);
}

function listenOn(bind: BindAddress, onWire: Parameters<typeof listenPlain>[0]["onWire"]): ReturnType<typeof listenPlain> {
  const address = addressText(bind);
  try {
    return listenPlain({ address: bind.host.replace(/^\[(.*)\]$/, "$1"), port: bind.port, onWire });
  } catch (error) {
    if (errnoOf(error) === "EADDRINUSE")
      throw new OrcoError("port_in_use", `${address} is in use`, {
        address,
        next: "end what listens there, or choose another port with --bind",
      });
    throw new OrcoError("config", `cannot listen on ${address}: ${messageOf(error)}`, { address });
  }
}
