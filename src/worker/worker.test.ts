import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HAS_REDIS, RedisServer } from "../../test/redis-server.ts";
import { startReaper } from "../../test/reaper.ts";
import { until } from "../../test/until.ts";
import { isAlive, readStat } from "../supervise/proc.ts";
import { BookDaemon } from "./book-daemon.fake.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");
const LEASE_MS = 1500;
/** A worker starts in a quarter of a second, more on a busy machine; BullMQ connects again after a second. */
const PATIENCE_MS = 15_000;
const ATTEMPTS = 6;
/** Linux counts in hundredths of a second. */
const TICK_MS = 10;
const withRedis = test.skipIf(!HAS_REDIS);

let redis: RedisServer;
let daemon: BookDaemon;
let folder: string;
let workers: Worker[];
let callOffReaper: () => void;

beforeEach(async () => {
  if (!HAS_REDIS) return;
  folder = mkdtempSync(join(tmpdir(), "orco-workers-"));
  callOffReaper = startReaper(folder, folder);
  workers = [];
  redis = await RedisServer.start();
  daemon = await BookDaemon.start(redis.url, LEASE_MS);
});
afterEach(async () => {
  if (!HAS_REDIS) return;
  for (const worker of workers) await worker.kill();
  await daemon.stop();
  await redis[Symbol.asyncDispose]();
  callOffReaper();
  rmSync(folder, { recursive: true, force: true });
});

/** A real `orco worker`. */
class Worker {
  private constructor(private readonly child: Bun.Subprocess<"ignore", "pipe", "ignore">) {}

  static async start(name: string, ...more: string[]): Promise<Worker> {
    const argv = [process.execPath, MAIN, "worker", "--redis", redis.url, "--api", daemon.url, "--name", name, ...more];
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: folder, ORCO_HOME: join(folder, "home") };
    const worker = new Worker(Bun.spawn(argv, { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" }));
    workers.push(worker);
    // Its one line: it takes runs.
    for await (const _ of worker.child.stdout) break;
    return worker;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  get pid(): number {
    return this.child.pid;
  }

  get exited(): Promise<number> {
    return this.child.exited;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

function sh(id: string, script: string, more: object = {}): object {
  return { id, command: ["/bin/sh", "-c", script], ...more };
}

/** Says in the file that it was executed. */
function note(word: string): string {
  return `echo ${word} >>${join(folder, "notes")}`;
}

function notes(): string[] {
  const file = join(folder, "notes");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
}

function gate(name: string): { wait: string; open: () => void } {
  const file = join(folder, name);
  return { wait: `while [ ! -e ${file} ]; do sleep 0.02; done`, open: () => void Bun.spawnSync(["touch", file]) };
}

/** That a process has used. */
function cpuMs(pid: number): number {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** It was told to stop, and waits for no job. */
async function takesNoMore(name: string): Promise<void> {
  await until(`${name} takes no more`, async () => !(await redis.ask<string>("CLIENT", "LIST")).includes(`:w:${name}`), PATIENCE_MS);
}

async function ended(id: string): Promise<string> {
  await until(`run ${id} has ended`, () => ["completed", "failed", "canceled"].includes(daemon.book.get(id).status), PATIENCE_MS);
  const { status, error } = daemon.book.get(id);
  return error ? `${status}: ${error.message}` : status;
}

withRedis("runs are shared by workers, each is carried out once, with its logs, outputs and checkpoints", async () => {
  await Promise.all([Worker.start("one"), Worker.start("two")]);
  const steps = (n: number) => [
    sh("a", `${note(`a${n}`)}; echo '{"type":"checkpoint","data":${n}}'; echo '{"type":"output","data":{"n":${n}}}'; echo hello`),
    sh("b", note("b${steps.a.outputs.n}"), { needs: ["a"] }),
  ];
  const runs = await Promise.all(Array.from({ length: 12 }, (_, n) => daemon.create({ steps: steps(n) })));
  for (const { id } of runs) expect(await ended(id)).toBe("completed");
  expect(notes().sort()).toEqual(
    Array.from({ length: 12 }, (_, n) => [`a${n}`, `b${n}`])
      .flat()
      .sort(),
  );
  expect(daemon.book.checkpoints(runs[3]?.id ?? "", { limit: 10 }).map(({ data }) => data)).toEqual([3]);
  expect(daemon.lines.filter(({ message }) => message === "hello").length).toBe(12);
  expect(new Set(daemon.claims.map((claim) => claim.split(" ")[0])).size).toBe(2);
});

withRedis(
  "a worker that is killed loses its run after the lease; the next one goes on after the last completed step, and nothing is left behind",
  async () => {
    const first = await Worker.start("one");
    const door = gate("door");
    const steps = [sh("a", note("a")), sh("b", `${note("b")}; echo $$ >${join(folder, "pid")}; ${door.wait}`, { needs: ["a"] })];
    const { id } = await daemon.create({ steps });
    const pidFile = join(folder, "pid");
    const pid = await until("b runs", () => (existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0), PATIENCE_MS);
    await first.kill();
    await until("the step died with its worker", () => !isAlive(readStat(pid)), PATIENCE_MS);
    await Worker.start("two");
    door.open();
    expect(await ended(id)).toBe("completed");
    expect(notes()).toEqual(["a", "b", "b"]);
    expect(daemon.claims).toEqual(["one 1", "two 2"]);
    expect(daemon.step(id, "b")).toMatchObject({ attempt: 2, failures: 0 });
  },
);

withRedis("a worker that slept through its lease stops its steps when it wakes, and what it says is refused", async () => {
  const zombie = await Worker.start("zombie");
  const door = gate("door");
  const { id } = await daemon.create({ steps: [sh("a", `echo $$ >>${join(folder, "pids")}; ${door.wait}; ${note("done")}`)] });
  const pids = (): number[] => readFileSync(join(folder, "pids"), "utf8").split("\n").filter(Boolean).map(Number);
  await until("a runs", () => existsSync(join(folder, "pids")), PATIENCE_MS);
  zombie.signal("SIGSTOP");
  await Worker.start("heir");
  await until("the heir has it", () => daemon.claims.includes("heir 2") && pids().length === 2, PATIENCE_MS);
  zombie.signal("SIGCONT");
  await until("the zombie's step is ended", () => !isAlive(readStat(pids()[0] ?? 0)), PATIENCE_MS);
  door.open();
  expect(await ended(id)).toBe("completed");
  expect(notes()).toEqual(["done"]);
  expect(daemon.book.get(id)).toMatchObject({ attempt: 2 });
});

withRedis("a flush in the middle of the work: what runs goes on, what waits is added again, nothing is carried out twice", async () => {
  await Worker.start("one", "--concurrency", "2");
  const door = gate("door");
  const runs = await Promise.all(
    Array.from({ length: 8 }, (_, n) => daemon.create({ steps: [sh("a", `${door.wait}; ${note(`n${n}`)}`)] })),
  );
  await until("two are claimed", () => daemon.claims.length === 2, PATIENCE_MS);
  await redis.ask("FLUSHALL");
  door.open();
  await daemon.dispatcher.look();
  for (const { id } of runs) expect(await ended(id)).toBe("completed");
  expect(notes().sort()).toEqual(Array.from({ length: 8 }, (_, n) => `n${n}`));
});

withRedis("Redis dies and comes back: runs under way end meanwhile, accepted ones go on after", async () => {
  await Worker.start("one", "--concurrency", "1");
  const door = gate("door");
  const first = await daemon.create({ steps: [sh("a", `${note("begun")}; ${door.wait}`)] });
  await until("it is under way", () => notes().length === 1, PATIENCE_MS);
  const second = await daemon.create({ steps: [sh("a", note("second"))] });
  await redis.kill();
  door.open();
  expect(await ended(first.id)).toBe("completed");
  await redis.start();
  expect(await ended(second.id)).toBe("completed");
  expect(notes()).toEqual(["begun", "second"]);
});

withRedis(
  "a worker whose only job ended while Redis was away waits for Redis without burning a core, and goes on when it is back",
  async () => {
    const worker = await Worker.start("one", "--concurrency", "1");
    const door = gate("door");
    const first = await daemon.create({ steps: [sh("a", `${note("begun")}; ${door.wait}`)] });
    await until("it is under way", () => notes().length === 1, PATIENCE_MS);
    const second = await daemon.create({ steps: [sh("a", note("second"))] });
    await redis.kill();
    // While a connection is being made commands fail at once, with another error than without one: here that lasts.
    let attempts = 0;
    const mute = Bun.listen({ hostname: "127.0.0.1", port: redis.port, socket: { open: () => void attempts++, data: () => undefined } });
    door.open();
    expect(await ended(first.id)).toBe("completed");
    const used = cpuMs(worker.pid);
    const [since, before] = [performance.now(), attempts];
    await until("it has tried some times", () => attempts >= before + ATTEMPTS, PATIENCE_MS);
    const tookMs = performance.now() - since;
    const share = (cpuMs(worker.pid) - used) / tookMs;
    mute.stop(true);
    expect(share).toBeLessThan(0.3);
    expect(tookMs).toBeGreaterThan(1000);
    await redis.start();
    expect(await ended(second.id)).toBe("completed");
  },
  60_000,
);

withRedis("a cancel reaches the worker: its step may clean up", async () => {
  await Worker.start("one");
  const { id } = await daemon.create({
    steps: [sh("a", `trap '${note("cleaned")}; exit 0' TERM; ${note("begun")}; while :; do sleep 0.02; done`)],
  });
  await until("it is under way", () => notes().length === 1, PATIENCE_MS);
  expect((await daemon.book.cancel(id)).status).toBe("canceled");
  await until("it has cleaned up", () => notes().includes("cleaned"), PATIENCE_MS);
});

withRedis("told to end, a worker lets its runs end; told twice, it hands them back at once", async () => {
  const polite = await Worker.start("polite");
  const door = gate("door");
  const first = await daemon.create({ steps: [sh("a", `${note("begun")}; ${door.wait}`)] });
  await until("it is under way", () => notes().length === 1, PATIENCE_MS);
  polite.signal("SIGTERM");
  await takesNoMore("polite");
  const second = await daemon.create({ steps: [sh("a", `${note("second")}; sleep 60`)] });
  door.open();
  expect(await ended(first.id)).toBe("completed");
  expect(await polite.exited).toBe(0);
  expect(daemon.book.get(second.id).status).toBe("pending");

  const hasty = await Worker.start("hasty");
  await until("it is under way", () => notes().includes("second"), PATIENCE_MS);
  hasty.signal("SIGTERM");
  await takesNoMore("hasty");
  hasty.signal("SIGTERM");
  expect(await hasty.exited).toBe(0);
  expect(daemon.book.get(second.id)).toMatchObject({ status: "pending", losses: 0 });
});
