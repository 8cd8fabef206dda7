import { resolve, join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { EdgeControl } from "../../src/edge/control.ts";
import { DEFAULT_TIMEOUTS, type Front, type Target } from "../../src/edge/route.ts";
import { orco as daemon } from "../peers/orco.ts";
import { gone, startTime } from "../peers/proc.ts";
import { freePort, type Ground } from "../peers/stack.ts";
import type { Job, Proxy, Running } from "./proxy.ts";

/** `ORCO_BIN` names another one, e.g. `dist/orco`. */
const BIN = resolve(process.env["ORCO_BIN"] ?? join(import.meta.dir, "../../bin/orco"));
const DRAIN_MS = 10_000;

/** The edge as the daemon runs it: real worker processes, told of their routes by the same control. */
export const orco: Proxy = {
  name: "orco",
  protocols: ["http", "tcp"],
  available: () => daemon.available(),
  install: () => daemon.install(),
  version: async () => `${await daemon.version()}, one worker`,
  open,
};

async function open(ground: Ground, job: Job): Promise<Running> {
  const { control, close } = startControl(ground);
  const port = await freePort();
  let serial = 1;
  let active = targetOf(`t${serial}`, job.target);
  await control.put([frontOf("bench", { port, protocol: job.protocol }, [active])]);
  return {
    port,
    pids: () => control.status().workers.map(({ pid }) => pid),
    drains: true,
    close,
    swap: async (target) => {
      const former = { ...active, state: "draining", drainTimeoutMs: DRAIN_MS } as const;
      active = targetOf(`t${++serial}`, target);
      await control.put([frontOf("bench", { port, protocol: job.protocol }, [active, former])]);
      await control.drained(former.id);
      await control.put([frontOf("bench", { port, protocol: job.protocol }, [active])]);
    },
  };
}

export interface BenchControl {
  readonly control: EdgeControl;
  readonly close: () => Promise<void>;
}

/** An edge with a home of its own, and one worker once there is a front. */
export function startControl(ground: Ground): BenchControl {
  let closed: Promise<void> | undefined;
  const control = new EdgeControl({
    home: ground.home("orco-edge"),
    clock: systemClock(),
    command: [BIN, "edge-worker"],
    build: "bench",
    workers: 1,
    processes: { identify, kill: (pid) => process.kill(pid, "SIGKILL") },
    portHolder: () => undefined,
    log: (message, facts) => closed === undefined && console.error(`edge: ${message} ${JSON.stringify(facts)}`),
  });
  const close = () => (closed ??= control.shutdown());
  ground.closing(close);
  return { control, close };
}

function identify(pid: number): { startTime: number } | undefined {
  return gone(pid) ? undefined : { startTime: startTime(pid) };
}

export function frontOf(id: string, listen: { port: number; protocol: Job["protocol"] }, targets: readonly Target[]): Front {
  return {
    id,
    listen: { address: "127.0.0.1", ...listen },
    balance: "round-robin",
    targets,
    holdTimeoutMs: 5_000,
    timeouts: DEFAULT_TIMEOUTS,
  };
}

export function targetOf(id: string, port: number): Target {
  return { id, host: "127.0.0.1", port, weight: 1, state: "active" };
}
