import type { Target } from "./probe.ts";

/** What a connection tells its user. `onEnd` comes once, last. */
export interface Listener {
  onOpen(): void;
  onData(chunk: Buffer): void;
  onEnd(error?: Error): void;
}

export interface Connection {
  write(bytes: Buffer): void;
  end(): void;
}

/** One object for all connections: Bun prepares every new one. */
const HANDLERS: Bun.SocketHandler<Listener> = {
  open: (socket) => socket.data.onOpen(),
  data: (socket, chunk) => socket.data.onData(chunk),
  error: (socket, error) => socket.data.onEnd(error),
  close: (socket, error) => socket.data.onEnd(error instanceof Error ? error : undefined),
  end: (socket) => void socket.end(),
};

/**
 * A plain connection. Not `fetch`: that obeys HTTP_PROXY even for 127.0.0.1 and cannot be told not to; the cost in CPU is the
 * same (50 µs a probe). Rejects when it cannot be made; ends itself when the signal aborts.
 */
export async function open({ host, port, secure }: Target, listener: Listener, signal: AbortSignal): Promise<Connection> {
  const socket = await Bun.connect<Listener>({
    hostname: host,
    port,
    ...(secure && { tls: { serverName: host } }),
    data: listener,
    socket: HANDLERS,
  });
  const onAbort = (): void => socket.terminate();
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  // A connect to a port of the ephemeral range on which nobody listens can meet itself.
  if (socket.localPort === port && socket.localAddress === socket.remoteAddress) {
    socket.terminate();
    throw Object.assign(new Error("connected to itself"), { code: "ECONNREFUSED" });
  }
  return { write: (bytes) => void socket.write(bytes), end: () => void socket.end() };
}
