import type { Front, ListenSpec } from "./route.ts";
import { listenPlain, type WireListener } from "./sockets.ts";
import type { Wire } from "./wire.ts";
import { httpResponder, tcpResponder, type Responder, type Surroundings } from "./worker-responder.ts";
import { steerToNewcomer } from "./worker-steer.ts";

export interface GateOptions {
  readonly around: Surroundings;
  /** Usual number of workers on a port. */
  readonly workers: number;
}

/** One address and port that is listened on, and what answers there. */
export class Gate {
  private constructor(
    private readonly listener: WireListener,
    readonly responder: Responder,
  ) {}

  /** Throws the errno in `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL; `certificate` for PEM files that cannot be used. */
  static async open(listen: ListenSpec, fronts: readonly Front[], { around, workers }: GateOptions): Promise<Gate> {
    const responder = (listen.protocol === "http" ? httpResponder : tcpResponder)(listen, around);
    responder.update(fronts);
    const listener = listenPlain({ ...listen, reusePort: true, onWire: (wire: Wire) => responder.accept(wire) });
    steerToNewcomer(listener.fd, workers);
    return new Gate(listener, responder);
  }

  /** Throws `certificate`; the gate then goes on with those it had. */
  update(fronts: readonly Front[]): void {
    this.responder.update(fronts);
  }

  /** Accepts no more. Connections go on. */
  stop(): void {
    this.listener.stop();
  }
}
