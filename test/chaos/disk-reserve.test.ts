import { expect } from "bun:test";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { RESERVE_BYTES } from "../../src/kernel/reserve.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { diskTest, SmallDisk } from "./disk.ts";
import { ChaosRig } from "./rig.ts";

const DISK_BYTES = 16 * 1024 * 1024;
const STEADY = "services: { app: { command: exec sleep 100000, replicas: 3 }, top: { command: exec sleep 100000, dependsOn: [app] } }";
/** With a front: the table of the edge is written when it comes and when it goes. */
const steady = (port: number): string => `
  services:
    app: { command: exec sleep 100000, replicas: 3 }
    web:
      command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(resolve(import.meta.dirname, "../programs/http-server.ts"))}]
      ports: ["${port}:8080"]
      replicas: 2
      update: { drainTimeout: 200ms }
`;
/** Goes on for ever, also when nothing of it can be written. */
const LOUD = `
  services:
    loud: { command: "while :; do head -c 65536 /dev/zero | tr '\\\\0' x; echo; done 2>/dev/null" }
    never: { command: exec sleep 100000, health: { gracePeriod: 1h, command: "false" } }
`;

async function onDisk(act: (rig: ChaosRig, disk: SmallDisk) => Promise<void>): Promise<void> {
  await using rig = new ChaosRig();
  const disk = new SmallDisk(rig.home, DISK_BYTES);
  try {
    await rig.begin();
    await act(rig, disk);
  } finally {
    await rig.close().catch(() => undefined);
    disk.unmount();
  }
}

function reserved(rig: ChaosRig): number {
  const found = statSync(join(rig.home, "reserve"), { throwIfNoEntry: false });
  return found ? found.blocks * 512 : 0;
}

diskTest(
  "on a full disk stacks are taken down one after the other, then everything; the room for it is there again when there is space",
  () =>
    onDisk(async (rig, disk) => {
      expect(reserved(rig)).toBe(RESERVE_BYTES);
      const stacks = [rig.stack(steady(freePort())), rig.stack(steady(freePort())), rig.stack(steady(freePort()))] as const;
      for (const stack of stacks) await stack.up();
      disk.fill();
      expect((await stacks[0].orco("restart", "app")).code).toBe(1);
      expect(await stacks[0].ok("status")).toMatch(/^app +Running +true .* degraded: disk full: \S+ has no room/m);

      for (const stack of stacks.slice(0, 2)) {
        const said = await stack.orco("down");
        expect([said.code, said.err]).toEqual([0, expect.not.stringContaining("orco:")]);
        disk.fill();
        expect((await stacks[2].orco("restart", "app")).err).toContain("disk full");
      }
      expect(reserved(rig)).toBe(0);
      await rig.kill();
      const gone = rig.rows<{ name: string }>("SELECT name FROM stacks").map(({ name }) => name);
      const downs = rig.rows<{ status: string }>("SELECT status FROM runs WHERE kind = 'down'").map(({ status }) => status);
      expect([gone, downs]).toEqual([[stacks[2].name], ["completed", "completed"]]);

      await rig.begin();
      disk.fill();
      const all = await rig.orco(["shutdown"]);
      expect([all.code, all.err, rig.instances()]).toEqual([0, expect.not.stringContaining("orco:"), []]);
      await rig.death();
      expect(rig.rows("SELECT name FROM stacks")).toEqual([]);

      disk.free();
      await rig.begin();
      expect(reserved(rig)).toBe(RESERVE_BYTES);
    }),
);

diskTest("a stack whose own log fills the disk says so and is taken down", () =>
  onDisk(async (rig) => {
    const stack = rig.stack(LOUD);
    const up = await stack.orco("up", "-d", "--wait", "--timeout", "5s");
    expect(up.err).toMatch(/not ready after 5s.*\n +never blocked: degraded: disk full: \S+ has no room/);
    expect(await stack.ok("status")).toMatch(/^loud .* degraded: disk full/m);
    const said = await stack.orco("down");
    expect([said.code, said.err, rig.instances()]).toEqual([0, expect.not.stringContaining("orco:"), []]);
  }),
);

diskTest("what fills the disk faster than anything can be written does not get the room that was kept", () =>
  onDisk(async (rig) => {
    const stacks = [rig.stack(STEADY), rig.stack(STEADY)] as const;
    for (const stack of stacks) await stack.up();
    // A new daemon's write-ahead log is short: hardly anything of it can be written over.
    await rig.killDaemon("SIGTERM");
    await rig.begin();
    const hog = rig.stack(
      `services: { hog: { command: "until [ -e go ]; do sleep 0.05; done; while :; do cat /dev/zero >> ${join(rig.home, "hog")}; done 2>/dev/null" } }`,
    );
    await hog.up();
    hog.write("go", "");
    await until("the disk to be full", async () => (await hog.service("hog")).degraded?.startsWith("disk full"), 20_000);
    for (const stack of [...stacks, hog]) {
      const said = await stack.orco("down");
      expect([said.code, said.err]).toEqual([0, expect.not.stringContaining("orco:")]);
    }
    expect(rig.instances()).toEqual([]);
  }),
);
