import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { diskTest, SmallDisk } from "../../test/chaos/disk.ts";
import { freePort } from "../../test/free-port.ts";
import { until } from "../../test/until.ts";
import { EdgeRig, frontOf, targetOf } from "./control-fixture.ts";
import { requestOnce } from "./control-load.ts";

diskTest("on a full disk routes stay as they are, changes are refused, and a worker that dies is replaced", async () => {
  await using rig = new EdgeRig();
  mkdirSync(rig.folder, { recursive: true });
  const disk = new SmallDisk(rig.folder, 1024 * 1024);
  try {
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
    const control = rig.control({ workers: 1 });
    await control.start();
    const port = freePort();
    const front = frontOf("a", port, [targetOf("t", server.port ?? 0)], { listen: { address: "127.0.0.1", port, protocol: "http" } });
    await control.put([front]);
    disk.fill();
    const refused = control.put([{ ...front, targets: [] }]);
    expect(refused).rejects.toMatchObject({ code: "disk_full" });
    await Promise.allSettled([refused]);
    expect(control.front("a")).toEqual(front);
    const [victim] = control.status().workers;
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await until("another worker", () => control.status().workers.some(({ pid }) => pid !== victim?.pid));
    expect(await requestOnce(port)).toBe("ok");
    disk.free();
    await control.put([{ ...front, holdTimeoutMs: 1 }]);
    expect(await requestOnce(port)).toBe("ok");
  } finally {
    disk.unmount();
  }
});
