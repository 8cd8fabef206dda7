import { systemClock } from "../../src/kernel/clock.ts";
import { Counters } from "../../src/edge/metrics-counters.ts";
import { Pool } from "../../src/edge/pool.ts";
import { DEFAULT_TIMEOUTS } from "../../src/edge/route.ts";
import { dial, listenPlain } from "../../src/edge/sockets.ts";
import { TcpProxy } from "../../src/edge/tcp-proxy.ts";

// A program of its own, so that its memory is only its own: a TCP proxy to the port it is given. Says where it listens.
const port = Number(process.argv[2]);
const clock = systemClock();
const pool = new Pool(
  {
    id: "fake",
    listen: { address: "127.0.0.1", port: 0, protocol: "tcp" },
    balance: "round-robin",
    targets: [{ id: "only", host: "127.0.0.1", port, weight: 1, state: "active" }],
    holdTimeoutMs: 0,
    timeouts: DEFAULT_TIMEOUTS,
  },
  clock,
  { drainChanged() {} },
);
const counter = new Counters().of("fake", "fake");
const proxy = new TcpProxy({ pool, dial, clock, counter }, 5_000);
const listener = listenPlain({ address: "127.0.0.1", port: 0, onWire: (wire) => proxy.accept(wire) });
process.stdout.write(`${listener.port}\n`);
