import { connect, listen, type SocketHandler, type TCPSocketListenOptions, type TCPSocketListener } from "bun";
import { probeSilentPeers } from "./keep-alive.ts";
import { PlainWire, WIRE_EVENTS } from "./plain-wire.ts";
import type { Dial, Wire } from "./wire.ts";
import { NO_HANDLERS } from "./wire-ends.ts";

export interface PlainListenOptions {
  readonly address: string;
  /** 0: the kernel chooses one. */
  readonly port: number;
  /** Other processes of the same user may listen on the same port; the kernel shares connections among them. */
  readonly reusePort?: boolean;
  /** Sets `wire.handlers` before it returns; a wire without handlers is paused until `resume`. */
  readonly onWire: (wire: Wire) => void;
}

export interface WireListener {
  readonly port: number;
  /** Of the listening socket, as long as it listens. */
  readonly fd: number;
  /** Accepts no more. Connections go on. */
  stop(): void;
}

/** @throws the errno in `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL. */
export function listenPlain({ address, port, reusePort = false, onWire }: PlainListenOptions): WireListener {
  const events: SocketHandler<PlainWire> = {
    ...WIRE_EVENTS,
    open(socket) {
      const wire = new PlainWire(socket, NO_HANDLERS);
      socket.data = wire;
      onWire(wire);
      if (wire.handlers === NO_HANDLERS) wire.pause();
    },
  };
  const options: ReusableListenOptions = { hostname: address, port, reusePort, allowHalfOpen: true, socket: events };
  const listener = listen<PlainWire>(options) as TCPSocketListener<PlainWire> & { readonly fd: number };
  probeSilentPeers(listener.fd);
  return { port: listener.port, fd: listener.fd, stop: () => listener.stop() };
}

/** What Bun has and its types lack: this, and `fd` of the listener. */
type ReusableListenOptions = TCPSocketListenOptions<PlainWire> & { readonly reusePort: boolean };

/** A dial under way. Bun cannot be told to give up, so an answer after the deadline is reset. */
class Dialling {
  private timer: ReturnType<typeof setTimeout> | undefined;
  settled = false;

  constructor(
    private readonly resolve: (wire: Wire) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  limit(timeoutMs: number): void {
    if (timeoutMs > 0) this.timer = setTimeout(() => this.fail(new DialTimeout(timeoutMs)), timeoutMs);
  }

  /** False when nobody waits for it any more. */
  settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.timer);
    return true;
  }

  open(wire: Wire): void {
    if (this.settle()) this.resolve(wire);
  }

  fail(error: Error): void {
    if (this.settle()) this.reject(error);
  }
}

class DialTimeout extends Error {
  readonly code = "ETIMEDOUT";

  constructor(timeoutMs: number) {
    super(`no connection within ${timeoutMs} ms`);
  }
}

/** With `NO_HANDLERS` the wire is paused until `resume`. */
export const dial: Dial = ({ host, port, timeoutMs }, handlers) => {
  const { promise, resolve, reject } = Promise.withResolvers<Wire>();
  const dialling = new Dialling(resolve, reject);
  const events: SocketHandler<PlainWire> = {
    ...WIRE_EVENTS,
    open(socket) {
      const late = dialling.settled;
      const wire = new PlainWire(socket, late ? NO_HANDLERS : handlers);
      socket.data = wire;
      if (late) return wire.reset();
      if (handlers === NO_HANDLERS) wire.pause();
      dialling.open(wire);
    },
    connectError: (_socket, error) => dialling.fail(error),
  };
  dialling.limit(timeoutMs);
  // What fails is told by connectError, too; the promise must not go unhandled.
  connect({ hostname: host, port, allowHalfOpen: true, socket: events }).catch((error: Error) => dialling.fail(error));
  return promise;
};
