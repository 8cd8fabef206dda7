import { readFileSync, writeFileSync } from "node:fs";
import { systemClock, type Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import { serveChannel } from "./channel-socket.ts";
import { readTable } from "./table.ts";
import { MemoryBound } from "./worker-memory.ts";
import type { WorkerIdentity } from "./channel.ts";
import { workerRecord, workerSocket } from "./worker-paths.ts";
import { Place } from "./worker-place.ts";
import { EdgePlane } from "./worker-plane.ts";
import { EdgeWorker } from "./worker.ts";

export interface WorkerProcessOptions {
  /** Absolute; where the table is, and the socket will be. */
  readonly folder: string;
  readonly number: number;
  /** Usual number of workers. */
  readonly workers: number;
  readonly build: string;
  readonly memoryBytes: number;
}

/** A worker that got SIGTERM by hand or at the end of the machine, or whose number another one has. */
const POLITE_EXIT = { lingerMs: 2_000, timeoutMs: 10_000 };

/** This process as an edge worker. Resolves when it serves the table on disk and can be talked to; it exits by itself. */
export async function runWorker({ folder, number, workers, build, memoryBytes }: WorkerProcessOptions): Promise<void> {
  const clock = systemClock();
  const log = workerLog(clock, number);
  process.on("uncaughtException", (error) => log(`defect: ${error.stack ?? error.message}`));
  process.on("unhandledRejection", (error) => log(`defect: ${messageOf(error)}`));
  process.on("SIGHUP", () => undefined);
  const paths = { socket: workerSocket(folder, number), record: workerRecord(folder, number) };
  const identity = { number, pid: process.pid, startTime: startTimeOfSelf(), build };
  const plane = new EdgePlane({ clock, workers, drainingChanged: () => worker.drainingChanged(), warn: log });
  const worker = new EdgeWorker({
    identity,
    clock,
    plane,
    read: () => readTable(folder),
    log,
    exit() {
      plane.close();
      place.leave();
      process.exit(0);
    },
  });
  const place = new Place({
    clock,
    ...paths,
    serve: () => serveChannel(paths.socket, (channel) => worker.connected(channel)),
    taken() {
      log("another worker has its number");
      worker.leave(POLITE_EXIT);
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => worker.leave(POLITE_EXIT));
  writeRecord(paths.record, identity, log);
  await worker.start();
  place.open();
  place.watch();
  new MemoryBound({ clock, boundBytes: memoryBytes, log, tell: (message) => worker.tell(message) }).watch();
}

/** Only for whoever finds this worker stuck: on a full disk it does without. */
function writeRecord(path: string, identity: WorkerIdentity, log: (message: string) => void): void {
  try {
    writeFileSync(path, JSON.stringify(identity), { mode: 0o600 });
  } catch (error) {
    log(`its record cannot be written: ${messageOf(error)}`);
  }
}

/** One line each on standard error, which is the worker's log file. */
function workerLog(clock: Clock, number: number): (message: string) => void {
  return (message) => void process.stderr.write(`${new Date(clock.now()).toISOString()} worker ${number} pid ${process.pid}: ${message}\n`);
}

/** Field 22 of /proc/PID/stat, counted from the last `)`: the name before it may hold anything. */
function startTimeOfSelf(): number {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}
