import { expect } from "bun:test";
import { resolve, join } from "node:path";
import type { RunView } from "../../src/workflow/view.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { diskTest, SmallDisk } from "./disk.ts";
import { History } from "./history.ts";
import { ChaosRig } from "./rig.ts";
import { Traffic } from "./traffic.ts";

const DISK_BYTES = 16 * 1024 * 1024;
const STACK = "full";

diskTest("a full disk: what runs goes on, changes are refused with 507, and all recovers by itself when there is space", async () => {
  await using rig = new ChaosRig();
  const disk = new SmallDisk(rig.home, DISK_BYTES);
  try {
    await fillAndFree(rig, disk);
  } finally {
    await rig.close().catch(() => undefined);
    disk.unmount();
  }
});

async function fillAndFree(rig: ChaosRig, disk: SmallDisk): Promise<void> {
  const port = freePort();
  const stack = rig.stack(source(port), STACK);
  await rig.begin();
  const history = new History(rig.client);
  await stack.up();
  const before = await stack.pids();
  const traffic = new Traffic(`http://127.0.0.1:${port}/`, { connections: 2, pauseMs: 10 });

  const caught = await rig.client.act({ stack: STACK, service: "slow", action: "restart" });
  history.runs.add(caught.id);
  await stack.event(
    "slow to start again",
    ({ type, service, ["restarts"]: restarts }) => type === "instance.starting" && service === "slow" && restarts === 1,
  );
  disk.fill();
  const refused = await refusal(rig);
  expect(refused).toMatchObject({ status: 507, body: { code: "disk_full", status: 507 } });
  for (const args of [["restart", "chatty"], ["scale", "chatty", "2"], ["apply"]]) {
    const said = await stack.orco(...args);
    expect([args[0], said.code, said.err]).toEqual([
      args[0],
      1,
      expect.stringMatching(/^orco: the journal cannot be written \(.*full.*\): make space for \S+orco\.db/),
    ]);
  }
  process.kill(before["mortal/0"] as number, "SIGKILL");
  // The disk is at fault: it tries again and again, whatever maxRetries says, and none of these is a restart of its own.
  const fails = async () => {
    const { state, message } = await stack.service("mortal");
    return state === "Pending" && message.includes("ENOSPC");
  };
  for (const attempt of ["the first", "the second", "the third"]) {
    await until(`${attempt} start to fail`, fails, 20_000);
    await until(`the one after ${attempt}`, async () => (await stack.service("mortal")).state === "Starting", 20_000);
  }
  expect((await stack.service("mortal")).restarts).toBe(1);
  expect(await stack.ok("status")).toMatch(/^web +Running +true/m);
  expect(await rig.client.ready()).toMatchObject({
    ok: false,
    checks: expect.arrayContaining([expect.objectContaining({ name: "journal", ok: false })]),
  });

  await rig.kill();
  const next = await rig.begin();
  expect((await stack.pids())["web/0"]).toBe(before["web/0"] as number);
  expect((await refusal(rig)).status).toBe(507);

  disk.free();
  await stack.whenService("mortal", "to be back", ({ ready, restarts }) => ready && restarts > 0);
  await until("the journal to write again", async () => (await rig.client.ready()).ok, 20_000);
  await rig.client.waitRun(caught.id);
  await stack.ok("restart", "chatty");
  const after = await stack.pids();
  expect([after["web/0"], after["chatty/0"] === before["chatty/0"], rig.daemonPid()]).toEqual([before["web/0"], false, next]);
  await traffic.stop();
  expect(traffic.failures).toEqual([]);

  await rig.kill();
  await rig.begin();
  expect(await stack.pids()).toEqual(after);
  await until(
    "the follower to be up to date",
    async () => history.head >= ((await rig.client.recentEvents({ limit: 1 })).events[0]?.seq ?? 0),
    20_000,
  );
  await history.stop();
  history.check(rig);
}

function source(port: number): string {
  const program = JSON.stringify(join(resolve(import.meta.dirname, "../programs"), "http-server.ts"));
  return `
    services:
      web:
        command: [${JSON.stringify(process.execPath)}, ${program}, --port, "${port}"]
        health: { interval: 100ms, timeout: 5s, gracePeriod: 30s, http: { url: "http://127.0.0.1:${port}/" } }
      chatty: { command: "while :; do seq 100; sleep 0.1; done", replicas: 1 }
      slow: { command: "sleep 0.5; echo ready; exec sleep 100000", health: { log: { pattern: ready } } }
      mortal: { command: exec sleep 100000, restartPolicy: { maxRetries: 1, backoff: { min: 10ms } } }
  `;
}

/** A change as any HTTP client sees it. */
async function refusal(rig: ChaosRig): Promise<{ status: number; body: RunView }> {
  const response = await fetch(`http://localhost/stacks/${STACK}/services/web/restart`, {
    unix: join(rig.home, "orco.sock"),
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  return { status: response.status, body: (await response.json()) as RunView };
}
