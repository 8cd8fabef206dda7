import { expect } from "bun:test";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { diskTest, SmallDisk } from "./disk.ts";
import { ChaosRig } from "./rig.ts";
import { RunApi } from "./run-api.ts";
import { Poster, Watcher } from "./run-clients.ts";
import { RunHistory } from "./run-history.ts";
import { StepLedger } from "./run-ledger.ts";
import { ledgerStep } from "./run-plans.ts";

const DISK_BYTES = 16 * 1024 * 1024;
const POSTERS = 4;
const LEASE_MS = 2000;
const ROUNDS = 140;
const ROUND_S = 0.05;
const RECOVERY_MS = 30_000;

diskTest(
  "a full disk under runs: nothing is acknowledged that is not there, new runs are refused, steps go on, and all recovers by itself",
  async () => {
    await using rig = new ChaosRig({ ORCO_LEASE_MS: String(LEASE_MS) });
    const disk = new SmallDisk(rig.home, DISK_BYTES);
    try {
      await fillAndFree(rig, disk);
    } finally {
      await rig.close().catch(() => undefined);
      disk.unmount();
    }
  },
);

async function fillAndFree(rig: ChaosRig, disk: SmallDisk): Promise<void> {
  await rig.begin();
  const api = new RunApi(rig.home);
  const ledger = join(rig.dir, "ledger");
  const posters = Array.from(
    { length: POSTERS },
    (_, n) => new Poster(api, { name: `poster-${n}`, keyed: n % 2 === 0, beatMs: LEASE_MS / 5, onRun: () => undefined }),
  );
  const watcher = new Watcher(api, "/events?topic=run/*", "seq");
  let head = Infinity;
  const watching = watcher.watch(() => watcher.at >= head || watcher.problems.length > 0);
  const plan = await planRun(api, ledger);
  await until("checkpoints of all", () => posters.every(({ acknowledged }) => acknowledged.length > 5), RECOVERY_MS);
  const [pid = 0] = await until("the step to begin", () => whenAny(new StepLedger(ledger).live), RECOVERY_MS);

  disk.fill();
  await assertRefused(api, plan);
  const told = posters.map(({ acknowledged }) => acknowledged.length);
  await rig.kill();
  await rig.begin();
  await assertRefused(api, plan);
  expect(posters.map(({ acknowledged }) => acknowledged.length)).toEqual(told);
  expect([isAlive(readStat(pid)), (await api.insist(`/runs/${plan}`))?.body["run"]]).toMatchObject([true, { status: "running" }]);
  const passed = Date.now() + 2 * LEASE_MS;
  await until("two leases to pass", () => Date.now() > passed, 3 * LEASE_MS);

  disk.free();
  await until("the journal to write again", async () => (await rig.client.ready()).ok, RECOVERY_MS);
  await until("more from all", () => posters.every(({ acknowledged }, n) => acknowledged.length > (told[n] ?? 0)), RECOVERY_MS);
  await until("the plan to end", () => rig.rows(`SELECT 1 FROM runs WHERE id = '${plan}' AND status = 'completed'`).length, RECOVERY_MS);
  await rig.client.waitRun(await planRun(api, ledger));
  await Promise.all(posters.map((poster) => poster.stop()));
  const history = new RunHistory(rig);
  head = history.rows.at(-1)?.seq ?? 0;
  await watching;

  expect([...posters, watcher].flatMap(({ problems }) => problems)).toEqual([]);
  history.checkRuns();
  for (const poster of posters) history.checkPoster(poster);
  history.checkWatcher(watcher);
  checkPlan(history, new StepLedger(ledger), { plan, pid });
  console.log(`${posters.flatMap(({ acknowledged }) => acknowledged).length} checkpoints acknowledged around a full disk, 0 lost`);
}

async function planRun(api: RunApi, ledger: string): Promise<string> {
  const steps = [
    { id: "long", command: ledgerStep(ledger, ROUNDS, ROUND_S) },
    { id: "after", needs: ["long"], command: ledgerStep(ledger, 1, ROUND_S) },
  ];
  const made = await api.insist("/runs", { body: { plan: { steps } }, key: crypto.randomUUID() });
  return String(made?.body["runId"]);
}

/** Whatever would change something is refused, and says why. */
async function assertRefused(api: RunApi, plan: string): Promise<void> {
  const full = { status: 507, body: { code: "disk_full" } };
  expect(await api.once("/runs", { body: { external: true } })).toMatchObject(full);
  expect(await api.once("/runs", { body: { external: true }, key: crypto.randomUUID() })).toMatchObject(full);
  expect(await api.once(`/runs/${plan}/checkpoints`, { body: { type: "c" } })).toMatchObject(full);
  expect(await api.once(`/runs/${plan}/pause`, { method: "POST" })).toMatchObject(full);
  expect(await api.once(`/runs/${plan}/signals/s`, { body: { data: 1 } })).toMatchObject(full);
  expect(await api.once(`/runs/${plan}`, { method: "DELETE" })).toMatchObject(full);
  expect(await api.once(`/runs/${plan}`)).toMatchObject({ status: 200, body: { run: { status: "running" } } });
}

/** Lines that its step could not write are nowhere; those that it could are there once and in order. It was executed once, in one process. */
function checkPlan(history: RunHistory, ledger: StepLedger, { plan, pid }: { plan: string; pid: number }): void {
  const own = ledger.executions.filter(({ run }) => run === plan);
  expect(own).toMatchObject([
    { step: "long", attempt: 1, pid, end: "end" },
    { step: "after", attempt: 1, end: "end" },
  ]);
  const told = history.checkpoints(plan).flatMap(({ data }) => (data["step"] === "long" ? [Number(data["data"])] : []));
  expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b));
  expect([told[0], told.length > 1]).toEqual([0, true]);
}

function whenAny<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}
