import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { Counters, type FrontCounter } from "./metrics-counters.ts";
import { Pool } from "./pool.ts";
import { DEFAULT_TIMEOUTS, type Front, type Target } from "./route.ts";
import { dial, listenPlain } from "./sockets.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Real sockets around a TCP proxy; everything is closed by `close`. */
export class ProxyFixture {
  readonly counter: FrontCounter = new Counters().of("test", "test");
  readonly pool: Pool;
  readonly proxy: TcpProxy;
  readonly port: number;
  readonly drained: string[] = [];
  private readonly undo: (() => void)[] = [];

  constructor(
    private readonly front: Partial<Front> = {},
    clock: Clock = systemClock(),
  ) {
    this.pool = new Pool(this.frontOf([]), clock, { drainChanged: (target) => void this.drained.push(target) });
    this.proxy = new TcpProxy({ pool: this.pool, dial, clock, counter: this.counter }, 5_000);
    const listener = listenPlain({ address: "127.0.0.1", port: 0, onWire: (wire) => this.proxy.accept(wire) });
    this.port = listener.port;
    this.undo.push(() => listener.stop());
  }

  route(...targets: readonly (Pick<Target, "id"> & Partial<Target>)[]): void {
    this.pool.update(this.frontOf(targets.map((target) => ({ host: "127.0.0.1", port: 1, weight: 1, state: "active", ...target }))));
  }

  /** A target that may half-close; resolves to its port. */
  async target(onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.undo.push(() => socket.destroy());
      socket.on("error", () => {});
      onSocket(socket);
    }).listen(0, "127.0.0.1");
    this.undo.push(() => server.close());
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** A port where nobody listens. */
  async nobody(): Promise<number> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    server.close();
    await once(server, "close");
    return typeof address === "object" && address ? address.port : 0;
  }

  client(): Socket {
    const socket = connect({ port: this.port, host: "127.0.0.1", allowHalfOpen: true });
    this.undo.push(() => socket.destroy());
    socket.on("error", () => {});
    return socket;
  }

  /** In flight, connections and held, as the metrics tell them. */
  get counts(): [inFlight: number, connections: number, held: number] {
    const { inFlight, connections, held } = this.counter.stats();
    return [inFlight, connections, held];
  }

  close(): void {
    this.proxy.cutAll();
    for (const undo of this.undo.splice(0)) undo();
  }

  private frontOf(targets: readonly Target[]): Front {
    const listen = { address: "127.0.0.1", port: 1, protocol: "tcp" } as const;
    return { id: "test", listen, balance: "round-robin", holdTimeoutMs: 5_000, timeouts: DEFAULT_TIMEOUTS, ...this.front, targets };
  }
}
