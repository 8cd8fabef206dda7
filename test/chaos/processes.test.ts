import { afterEach, describe, expect, test } from "bun:test";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import type { CgroupPlaces } from "../../src/supervise/cgroup.ts";
import { identify, MarkerSweep } from "../../src/supervise/identity.ts";
import { bootId, childrenOf, isAlive, readStat } from "../../src/supervise/proc.ts";
import type { Adopted, Handle, Identity } from "../../src/supervise/runtime.ts";
import { ProcessRuntime } from "../../src/supervise/runtimes/process.ts";
import { Signals } from "../../src/supervise/signal.ts";
import { fastest } from "../fastest.ts";
import { until } from "../until.ts";

const PROGRAMS = join(import.meta.dir, "../programs");
const LAST_PID = "/proc/sys/kernel/ns_last_pid";
const TERM = { signal: "SIGTERM", timeoutMs: 10_000 };
const NO_CGROUPS: CgroupPlaces = { v1: {} };
/** Starts of a decoy until one gets the wanted pid: others fork at the same time. */
const DECOY_TRIES = 50;

const clock = systemClock();
const boot = bootId();
const signals = new Signals(boot);
const sweep = new MarkerSweep(clock, boot);
const homes = new Map<string, ProcessRuntime[]>();

function home(): string {
  const made = mkdtempSync(join(tmpdir(), "orco-chaos-"));
  homes.set(made, []);
  return made;
}

function daemon(at: string, over: Partial<ConstructorParameters<typeof ProcessRuntime>[0]> = {}): ProcessRuntime {
  const runtime = new ProcessRuntime({ home: at, clock, ...over });
  homes.get(at)?.push(runtime);
  return runtime;
}

type Shimmed = Handle & { readonly identity: Identity };

function start(runtime: ProcessRuntime, argv: readonly string[]): Promise<Shimmed> {
  const place = { cwd: "/", env: { PATH: process.env["PATH"] ?? "" } };
  return runtime.start({ instance: uuidv7(clock), stack: "s", service: "x", replica: 0, argv, ...place });
}

function running(adopted: Adopted): Shimmed {
  if (adopted.kind !== "running") throw new Error(`adopted ${adopted.kind}`);
  return adopted.handle as Shimmed;
}

async function living(instance: string): Promise<number> {
  return (await sweep.find(instance)).length;
}

afterEach(async () => {
  for (const [at, runtimes] of homes) {
    const last = new ProcessRuntime({ home: at, clock });
    for (const instance of last.instances()) {
      const adopted = await last.adopt(instance);
      if (adopted.kind === "running") await adopted.handle.stop(TERM, AbortSignal.abort());
    }
    for (const runtime of [...runtimes, last]) runtime.close();
    rmSync(at, { recursive: true, force: true });
  }
  homes.clear();
});

function canChoosePids(): boolean {
  try {
    accessSync(LAST_PID, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A process of ours that is no instance, with exactly this pid. */
async function decoy(pid: number): Promise<Bun.Subprocess | undefined> {
  for (let attempt = 0; attempt < DECOY_TRIES; attempt++) {
    // It may be somebody else's for a moment.
    await until("the pid to be free", () => !readStat(pid));
    writeFileSync(LAST_PID, String(pid - 1));
    const child = Bun.spawn(["sleep", "3600"], { stdin: "ignore", stdout: "ignore", detached: true });
    if (child.pid === pid) return child;
    child.kill("SIGKILL");
  }
  return undefined;
}

function killOutright(identity: Identity): void {
  expect(signals.send(identity, "SIGKILL")).toBe(true);
}

async function takeOverPid(handle: Shimmed): Promise<Bun.Subprocess> {
  const service = identify(childrenOf(handle.identity.pid)[0] ?? 0, boot);
  killOutright(handle.identity);
  if (service) killOutright(service);
  // A pid is given out again when no process group has its number any more, either.
  await until("the pid to be free", () => !readStat(handle.identity.pid) && !(service && readStat(service.pid)));
  const stranger = await decoy(handle.identity.pid);
  if (!stranger) throw new Error("no decoy got the pid");
  return stranger;
}

describe.if(canChoosePids())("a stranger that got the pid of a shim is never signalled", () => {
  test.each([
    ["with cgroups", undefined],
    ["without", NO_CGROUPS],
  ] as const)("by a stop, an adoption or a sweep, %s", async (_name, cgroups) => {
    const at = home();
    const options = { ...(cgroups && { cgroups }) };
    for (let round = 0; round < 2; round++) {
      const first = await start(daemon(at, options), ["sleep", "3600"]);
      const adopted = running(await daemon(at, options).adopt(first.instance));
      await using stranger = await takeOverPid(first);
      const next = await daemon(at, options).adopt(first.instance);
      expect(next).toMatchObject({ kind: "exited", exit: { reason: "lost" } });
      await Promise.all([first.stop(TERM, AbortSignal.abort()), adopted.stop(TERM, AbortSignal.abort())]);
      expect(first.usage()).toBeUndefined();
      expect([stranger.killed, stranger.signalCode, isAlive(readStat(stranger.pid))]).toEqual([false, null, true]);
    }
  });
});

describe("double forks", () => {
  test.each([
    ["cgroup", undefined, 100],
    ["no cgroup", NO_CGROUPS, 1000],
  ] as const)("%s: the tree is empty in time", async (_name, cgroups, limitMs) => {
    for (const mode of ["", "deaf"]) {
      const took = await fastest(async () => {
        const handle = await start(daemon(home(), { ...(cgroups && { cgroups }) }), [join(PROGRAMS, "double-fork.sh"), mode]);
        await until("the grandchild's pid", () => readFileSync(handle.spools.stdout, "utf8").endsWith("\n"));
        const began = performance.now();
        await handle.stop(TERM);
        const ms = performance.now() - began;
        expect(await living(handle.instance)).toBe(0);
        return ms;
      });
      expect(took).toBeLessThan(limitMs);
    }
  });

  test("what a service leaves when it ends by itself is gone before its end is told", async () => {
    const handle = await start(daemon(home()), [join(PROGRAMS, "double-fork.sh"), "leave"]);
    expect(await handle.exited).toMatchObject({ code: 0, reason: "exited" });
    expect(await living(handle.instance)).toBe(0);
  });
});

test("after a boot nothing is adopted, and whoever has the pid now is left alone", async () => {
  const at = home();
  const handle = await start(daemon(at), ["sleep", "3600"]);
  expect(await daemon(at, { boot: "00000000-0000-4000-8000-000000000000" }).adopt(handle.instance)).toMatchObject({ kind: "gone" });
  expect(await living(handle.instance)).toBe(2);
});

test.each([
  ["with cgroups", undefined],
  ["without", NO_CGROUPS],
] as const)("a killed shim: the service does not run on unwatched, %s", async (_name, cgroups) => {
  const at = home();
  const options = { ...(cgroups && { cgroups }) };
  const own = await start(daemon(at, options), [join(PROGRAMS, "ignore-term.sh")]);
  killOutright(own.identity);
  expect(await own.exited).toMatchObject({ reason: "lost" });
  expect(await living(own.instance)).toBe(0);

  const other = await start(daemon(at, options), [join(PROGRAMS, "ignore-term.sh")]);
  const adopted = running(await daemon(at, options).adopt(other.instance));
  killOutright(other.identity);
  expect(await adopted.exited).toMatchObject({ reason: "lost" });
  expect(await living(other.instance)).toBe(0);
});

test.each([
  ["with cgroups", undefined],
  ["without", NO_CGROUPS],
] as const)("a daemon that died before it wrote meta.json, %s", async (_name, cgroups) => {
  const at = home();
  const options = { ...(cgroups && { cgroups }) };
  const handle = await start(daemon(at, options), ["sleep", "3600"]);
  unlinkSync(join(at, "instances", handle.instance, "meta.json"));
  const adopted = running(await daemon(at, options).adopt(handle.instance));
  expect([adopted.identity, adopted.pid]).toEqual([handle.identity, handle.pid]);
  expect(await adopted.stop(TERM)).toMatchObject({ code: 143, signal: "SIGTERM" });
});

test("kill -9 of the daemon: its service writes on, and its exit code is learned", async () => {
  const at = home();
  const script = 'i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i; done; echo "last $i"; exit 42';
  const starter = Bun.spawn([process.execPath, join(PROGRAMS, "starter.ts"), at, script], { stdin: "ignore", stdout: "pipe" });
  const { value } = await starter.stdout.getReader().read();
  const [instance = "", pid] = new TextDecoder().decode(value).trim().split(" ");
  starter.kill("SIGKILL");
  await starter.exited;
  const handle = running(await daemon(at).adopt(instance));
  expect(handle.pid).toBe(Number(pid));
  const lines = (): string[] => readFileSync(handle.spools.stdout, "utf8").trimEnd().split("\n");
  const before = lines().length;
  await until("it writes on", () => lines().length > before);
  writeFileSync(join(at, "stop"), "");
  expect(await handle.exited).toMatchObject({ code: 42, reason: "exited" });
  const all = lines();
  expect(all.pop()).toBe(`last ${all.length}`);
  expect(all.every((line, index) => line === String(index + 1))).toBe(true);
});
