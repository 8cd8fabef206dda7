import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dockerHere, tellsOfMemory } from "../../../../test/docker/engine.ts";
import { until } from "../../../../test/until.ts";
import { killContainer, listContainers, removeContainer } from "../../docker/containers.ts";
import { Engine } from "../../docker/engine.ts";
import type { Handle } from "../../runtime.ts";
import { type DockerRig, rigsOn } from "./rig.suite.ts";

const here = await dockerHere();
const docker = here ?? new Engine("unix:///nowhere/docker.sock");
const toldOfMemory = here !== undefined && (await tellsOfMemory(here));

const using = rigsOn(() => docker);

async function ready(rig: DockerRig, script: string): Promise<Handle> {
  const handle = await rig.runtime.start(rig.launch(`echo ready; ${script}`));
  await until("the line of readiness", () => readFileSync(handle.spools.stdout, "utf8").includes("ready"));
  return handle;
}

describe.skipIf(!here)("a container ends", () => {
  test("for want of memory, and it is told so", () =>
    using(async (rig) => {
      for (const init of [false, true]) {
        const handle = await rig.runtime.start(rig.launch("exec tail /dev/zero", { limits: { memory: 16 << 20 } }, { init }));
        expect(await handle.exited).toMatchObject({ code: 137, signal: "SIGKILL", ...(toldOfMemory && { reason: "oom_killed" }) });
      }
    }));

  test("a service that outlives a child that was killed for want of memory has an end of its own", () =>
    using(async (rig) => {
      const handle = await rig.runtime.start(rig.launch("tail /dev/zero; exit 3", { limits: { memory: 16 << 20 } }));
      expect(await handle.exited).toMatchObject({ code: 3, reason: "exited" });
    }));

  test("by hand: killed is killed, removed is removed", () =>
    using(async (rig) => {
      const [killed, removed] = await Promise.all([ready(rig, "exec sleep 3600"), ready(rig, "exec sleep 3600")]);
      await Promise.all([
        killContainer(docker, killed.container ?? "", { sig: "SIGKILL" }),
        removeContainer(docker, removed.container ?? ""),
      ]);
      expect(await killed.exited).toMatchObject({ code: 137, signal: "SIGKILL", reason: "signaled" });
      const exit = await removed.exited;
      expect(exit.reason).toBe("removed");
      expect(exit.code).toBeUndefined();
      expect(readFileSync(removed.spools.stdout, "utf8")).toBe("ready\n");
    }));

  test("while no daemon ran: its code and its last lines are found, also when its folder says nothing", () =>
    using(async (rig) => {
      const launch = rig.launch("read line </proc/1/root/tmp/go; seq 3000; exit 9");
      const handle = await ready(rig, "while [ ! -e /tmp/go ]; do sleep 0.02; done; seq 3000; exit 9");
      rig.runtime.close();
      const { Id } = await docker.call<{ Id: string }>("POST", `/containers/${handle.container}/exec`, {
        body: { Cmd: ["touch", "/tmp/go"] },
      });
      await docker.call("POST", `/exec/${Id}/start`, { body: { Detach: true } });
      await until("its end", async () => (await listContainers(docker, { "orco.instance": handle.instance }))[0]?.State === "exited");
      const adopted = await rig.successor().adopt(handle.instance);
      expect(adopted).toMatchObject({ kind: "exited", exit: { code: 9, reason: "exited" } });
      const lines = readFileSync(handle.spools.stdout, "utf8").split("\n");
      expect([lines[0], lines[1], lines.length]).toEqual(["ready", "1", 3002]);
      // What was learned once is not asked for again.
      await removeContainer(docker, handle.container ?? "");
      expect(await rig.successor().adopt(handle.instance)).toMatchObject({ kind: "exited", exit: { code: 9 } });
      expect(await rig.runtime.adopt(launch.instance)).toEqual({ kind: "gone" });
    }));

  test("removed while no daemon ran: it is gone, and its lines are still there", () =>
    using(async (rig) => {
      const handle = await ready(rig, "exec sleep 3600");
      rig.runtime.close();
      await removeContainer(docker, handle.container ?? "");
      expect(await rig.successor().adopt(handle.instance)).toEqual({ kind: "gone", spools: handle.spools });
    }));

  test("a hundred stops at once are prompt, and leave nothing when they are forgotten", () =>
    using(async (rig) => {
      const handles = await Promise.all(Array.from({ length: 10 }, () => ready(rig, "exec sleep 3600")));
      const began = performance.now();
      await Promise.all(handles.map((handle) => handle.stop({ signal: "SIGTERM", timeoutMs: 10_000 })));
      if (process.env["ORCO_FIGURES"]) console.log(`stop of 10 containers: ${(performance.now() - began).toFixed(0)} ms`);
      await Promise.all(handles.map(({ instance }) => rig.runtime.forget(instance)));
      expect(await listContainers(docker, { "orco.home": rig.homeId })).toEqual([]);
    }));
});
