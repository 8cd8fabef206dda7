import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { ChaosRig } from "./rig.ts";

const SERVICES = 200;
const CRASHING = SERVICES / 5;
const SETTLE_MS = 5000;
const MEASURED_MS = 20_000;
const MAX_CORE_PERCENT = 15;
const MAX_MIB = 150;
const STACK = "many";
const SHARED_MEMORY = "/dev/shm";

test(`${SERVICES} services, ${CRASHING} of them crash-looping: less than ${MAX_CORE_PERCENT} % of a core and ${MAX_MIB} MiB; the healthy ones are left alone`, async () => {
  using memory = new Memory();
  await using rig = new ChaosRig();
  memory.becomes(rig.home);
  const daemon = await rig.begin();
  await rig.client.putStack(STACK, { source: source(), workdir: "/", env: rig.environment });
  const before = await until("the healthy ones to run", () => healthy(rig).catch(() => undefined), 60_000);
  await passed(SETTLE_MS);
  const started = await looked(rig, daemon);
  await passed(MEASURED_MS);
  const ended = await looked(rig, daemon);
  const percent = (100 * (ended.cpuMs - started.cpuMs)) / (ended.atMs - started.atMs);
  const restarts = ended.restarts - started.restarts;
  console.log(
    `${SERVICES} services, ${(restarts / (MEASURED_MS / 1000)).toFixed(0)} restarts/s: ${percent.toFixed(1)} % of a core, ${ended.mib.toFixed(0)} MiB`,
  );
  expect(await healthy(rig)).toBe(before);
  expect(restarts).toBeGreaterThan((CRASHING * MEASURED_MS) / 1000 / 2);
  expect(percent).toBeLessThan(MAX_CORE_PERCENT);
  expect(ended.mib).toBeLessThan(MAX_MIB);
}, 180_000);

/**
 * A folder in memory, where there is one. On ext4 every new inode steps over those deleted in the last half minute: at forty restarts a
 * second that alone is most of the daemon's time, and all of it the file system's (perf: `recently_deleted`).
 */
class Memory implements Disposable {
  private readonly dir = existsSync(SHARED_MEMORY) ? mkdtempSync(`${SHARED_MEMORY}/orco-`) : undefined;

  becomes(home: string): void {
    if (this.dir !== undefined) symlinkSync(this.dir, home);
  }

  [Symbol.dispose](): void {
    if (this.dir !== undefined) rmSync(this.dir, { recursive: true, force: true });
  }
}

function source(): string {
  const service = (_: unknown, n: number): string =>
    n < CRASHING
      ? `  crash-${n}: { command: "exit 1", restartPolicy: { maxRetries: -1, backoff: { min: 1s, max: 1s } } }`
      : `  steady-${n}: { command: [sleep, "100000"] }`;
  return `version: 0.1\nstack: { name: ${STACK} }\nservices:\n${Array.from({ length: SERVICES }, service).join("\n")}\n`;
}

/** The processes of the healthy services; undefined while one does not run. */
async function healthy(rig: ChaosRig): Promise<string | undefined> {
  const { services } = await rig.client.stack(STACK);
  const steady = services.filter(({ service }) => service.startsWith("steady-"));
  const pids = steady.map(
    ({ ready, restarts, instances: [instance] }) => ready && `${instance?.pid} ${readStat(instance?.pid ?? 0)?.startTime} ${restarts}`,
  );
  return pids.length === SERVICES - CRASHING && pids.every(Boolean) ? pids.join("\n") : undefined;
}

async function looked(rig: ChaosRig, pid: number): Promise<{ atMs: number; cpuMs: number; mib: number; restarts: number }> {
  const { services } = await rig.client.stack(STACK);
  const mib = Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  return { atMs: performance.now(), cpuMs: ownCpuMs(pid), mib, restarts: services.reduce((sum, service) => sum + service.restarts, 0) };
}

/** User and system time of the process itself: what its children used counts for them. */
function ownCpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function passed(ms: number): Promise<unknown> {
  const end = performance.now() + ms;
  return until("time to pass", () => performance.now() >= end, ms + 5000);
}
