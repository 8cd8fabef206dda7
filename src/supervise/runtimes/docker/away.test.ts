import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dockerHere } from "../../../../test/docker/engine.ts";
import { OwnDockerd } from "../../../../test/docker/own-dockerd.ts";
import { until } from "../../../../test/until.ts";
import type { Handle } from "../../runtime.ts";
import { type DockerRig, rigsOn } from "./rig.suite.ts";

const docker = await dockerHere();
const WORDS = /^docker unreachable since \d\d:\d\d:\d\d$/;

// It is a dockerd of its own that is killed.
describe.skipIf(!docker || (await docker.isPodman()))("docker away", () => {
  let own: OwnDockerd;
  beforeAll(async () => {
    if (docker) own = await OwnDockerd.begin(docker);
  }, 60_000);
  afterAll(() => own?.end(), 30_000);

  const using = rigsOn(() => own.engine);

  async function ready(rig: DockerRig, script: string): Promise<Handle> {
    const handle = await rig.runtime.start(rig.launch(`echo ready; ${script}`, {}, { init: false }));
    await until("the line of readiness", () => readFileSync(handle.spools.stdout, "utf8").includes("ready"));
    return handle;
  }

  const stateOf = (handle: Handle): Promise<string> => Promise.race([handle.exited.then(() => "ended"), Promise.resolve("running")]);

  test(
    "killed: nothing ends, it is noticed; back, what ended meanwhile is told, and no line is lost",
    () =>
      using(async (rig) => {
        const stays = await ready(rig, "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.01; done");
        const leaves = await ready(rig, "trap 'exit 7' USR1; while :; do sleep 0.01; done");
        expect(rig.runtime.trouble()).toBeUndefined();
        const killed = performance.now();
        await own.crash();
        await until("trouble", () => rig.runtime.trouble());
        const noticedMs = performance.now() - killed;
        expect(noticedMs).toBeLessThan(9_000);
        expect(rig.runtime.trouble()).toMatch(WORDS);
        const refused = await rig.runtime.start(rig.launch("")).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "engine_away", facts: { since: expect.any(Number) } });
        process.kill(leaves.pid ?? 0, "SIGUSR1");
        const adopted = await rig.successor().adopt(stays.instance);
        if (adopted.kind !== "running") throw new Error(adopted.kind);
        expect([adopted.handle.pid, adopted.handle.startedAt, adopted.handle.container]).toEqual([
          stays.pid,
          stays.startedAt,
          stays.container,
        ]);
        expect([await stateOf(stays), await stateOf(leaves)]).toEqual(["running", "running"]);
        await own.start();
        const started = performance.now();
        await until("docker", () => rig.runtime.trouble() === undefined);
        const backMs = performance.now() - started;
        expect(backMs).toBeLessThan(9_000);
        expect(await leaves.exited).toMatchObject({ code: 7, reason: "exited" });
        expect(await stateOf(stays)).toBe("running");
        expect(rig.troubles.map((words) => words !== undefined).slice(0, 1)).toEqual([true]);
        if (process.env["ORCO_FIGURES"])
          console.log(`dockerd killed: noticed after ${noticedMs.toFixed(0)} ms, back after ${backMs.toFixed(0)} ms`);
        await stays.stop({ signal: "SIGKILL", timeoutMs: 0 });
        const lines = readFileSync(stays.spools.stdout, "utf8").trim().split("\n").slice(1);
        expect(lines.length).toBeGreaterThan(10);
        expect(lines).toEqual(lines.map((_, n) => `line ${n + 1}`));
      }),
    60_000,
  );

  test(
    "hanging: it is noticed, adoption does not wait for it, a stop happens when it is back",
    () =>
      using(async (rig) => {
        const handle = await ready(rig, "trap 'exit 5' TERM; while :; do sleep 0.01; done");
        const stopped = performance.now();
        own.pause();
        await until("trouble", () => rig.runtime.trouble());
        const noticedMs = performance.now() - stopped;
        expect(noticedMs).toBeLessThan(9_000);
        const asked = performance.now();
        const next = rig.successor();
        const launches = [{ instance: handle.instance }, rig.launch("")] as const;
        const found = await Promise.all([next.adopt(launches[0].instance), next.adopt(launches[1].instance)]);
        expect(found.map(({ kind }) => kind)).toEqual(["running", "running"]);
        expect(performance.now() - asked).toBeLessThan(9_000);
        // A probe: that docker is away says nothing of the service.
        const probed = rig.runtime.command(rig.launch("", { instance: handle.instance }), { argv: ["true"], timeoutMs: 1000 });
        expect(await Promise.race([probed.then(() => "answered"), Promise.resolve("waits")])).toBe("waits");
        const [, { instance: nowhere }] = launches;
        const asking = next
          .command(rig.launch("", { instance: nowhere }), { argv: ["true"], timeoutMs: 1000 })
          .catch((error: unknown) => error);
        const resumed = performance.now();
        own.resume();
        await until("docker", () => rig.runtime.trouble() === undefined);
        const backMs = performance.now() - resumed;
        expect(backMs).toBeLessThan(9_000);
        expect(await probed).toMatchObject({ ended: "exited", code: 0 });
        // Not in a container of its own, as a hook of what does not run yet.
        expect(await asking).toMatchObject({ code: "conflict" });
        own.pause();
        const stopping = handle.stop({ signal: "SIGTERM", timeoutMs: 60_000 });
        own.resume();
        expect(await stopping).toMatchObject({ code: 5, reason: "exited" });
        const [kept, never] = found;
        if (kept.kind === "running") expect(await kept.handle.exited).toMatchObject({ code: 5 });
        if (never.kind === "running") expect(await never.handle.exited).toMatchObject({ reason: "lost" });
        if (process.env["ORCO_FIGURES"])
          console.log(`dockerd stopped: noticed after ${noticedMs.toFixed(0)} ms, back after ${backMs.toFixed(0)} ms`);
      }),
    60_000,
  );

  test("a stack is disposed of when docker is back; claims are neither made nor refused meanwhile", () =>
    using(async (rig) => {
      await rig.runtime.claim({ stack: rig.stack, network: `${rig.stack}_default`, volumes: [`${rig.stack}_data`] });
      own.pause();
      const claimed = rig.runtime.claim({ stack: rig.stack, network: `${rig.stack}_default`, volumes: [] });
      const disposed = rig.runtime.dispose(rig.stack, { volumes: true, signal: new AbortController().signal });
      own.resume();
      await Promise.all([claimed, disposed]);
      await rig.runtime.dispose(rig.stack, { volumes: true, signal: new AbortController().signal });
      const { Volumes } = await own.engine.call<{ Volumes: unknown[] }>("GET", "/volumes");
      expect(Volumes).toEqual([]);
    }));
});
