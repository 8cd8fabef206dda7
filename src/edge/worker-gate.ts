import type { Clock } from "../kernel/clock.ts";
import { listenerKey, type Front, type ListenSpec } from "./route.ts";
import { listenPlain, type PlainListenOptions, type WireListener } from "./sockets.ts";
import type { TlsListener } from "./tls.ts";
import { httpResponder, tcpResponder, type Responder, type Surroundings } from "./worker-responder.ts";
import type { Wire } from "./wire.ts";
import type { Room } from "./worker-room.ts";
import { steerToNewcomer } from "./worker-steer.ts";

export interface GateOptions {
  readonly clock: Clock;
  readonly around: Surroundings;
  /** Usual number of workers on a port. */
  readonly workers: number;
  readonly warn: (message: string) => void;
  readonly room: Room;
}

type Listener = WireListener & Partial<Pick<TlsListener, "update">>;

/** One address and port that is listened on, and what answers there. */
export class Gate {
  private constructor(
    private readonly listener: Listener,
    readonly responder: Responder,
  ) {}

  /** Throws the errno in `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL; `certificate` for PEM files that cannot be used. */
  static async open(listen: ListenSpec, fronts: readonly Front[], options: GateOptions): Promise<Gate> {
    const responder = (listen.protocol === "http" ? httpResponder : tcpResponder)(listen, options.around);
    responder.update(fronts);
    const { address, port } = listen;
    const onWire = (wire: Wire): void => (options.room.take() ? responder.accept(wire) : wire.reset());
    const listener = await openListener(listen, { address, port, reusePort: true, onWire }, options);
    steerToNewcomer(listener.fd, options.workers);
    return new Gate(listener, responder);
  }

  /** Throws `certificate`; the listener then goes on with those it had. */
  async update(fronts: readonly Front[]): Promise<void> {
    this.responder.update(fronts);
    const certificates = fronts[0]?.listen.tls;
    if (certificates) await this.listener.update?.(certificates);
  }

  /** Accepts no more. Connections go on. */
  stop(): void {
    this.listener.stop();
  }
}

/** node:tls is loaded by a worker that has something to do with it. */
async function openListener(listen: ListenSpec, plain: PlainListenOptions, { clock, warn }: GateOptions): Promise<Listener> {
  if (!listen.tls) return listenPlain(plain);
  const { listenTls } = await import("./tls.ts");
  const problem = (message: string): void => warn(`${listenerKey(listen)}: ${message}`);
  return listenTls({ ...plain, certificates: listen.tls, clock, problem });
}
