// edge-proxy.ts TARGET_PORT [PORT]: the HTTP edge of one worker in front of one target on this machine, without daemon and table. Prints "listening on PORT".
import { systemClock } from "../../src/kernel/clock.ts";
import { HttpFrontend } from "../../src/edge/http-frontend.ts";
import { Counters } from "../../src/edge/metrics-counters.ts";
import { Pool } from "../../src/edge/pool.ts";
import { DEFAULT_HOLD_TIMEOUT_MS, DEFAULT_TIMEOUTS, type Front } from "../../src/edge/route.ts";
import { dial, listenPlain } from "../../src/edge/sockets.ts";

const [target, port = "0"] = process.argv.slice(2);
const clock = systemClock();
const front: Front = {
  id: "test",
  listen: { address: "127.0.0.1", port: Number(port), protocol: "http" },
  balance: "round-robin",
  targets: [{ id: "t1", host: "127.0.0.1", port: Number(target), weight: 1, state: "active" }],
  holdTimeoutMs: DEFAULT_HOLD_TIMEOUT_MS,
  timeouts: DEFAULT_TIMEOUTS,
};
const pool = new Pool(front, clock, { drainChanged() {} });
const frontend = new HttpFrontend({ clock, dial });
frontend.update({ sites: [{ front, pool, meter: new Counters().of("test", "test") }], trustedProxies: [] });
const listener = listenPlain({ address: "127.0.0.1", port: Number(port), onWire: (wire) => frontend.accept(wire) });
console.log(`listening on ${listener.port}`);
