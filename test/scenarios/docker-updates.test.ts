import { describe, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { type Answer, Asking } from "./asking.ts";
import { boundsOf } from "./bounds.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import { web as line, type Web } from "./docker-web.ts";
import type { Rig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

const web = (service: Omit<Web, "image">): string => `services: { web: ${line({ image: docker.image, ...service })} }`;

const lastSeq = async (stack: { history(): Promise<readonly { seq: number }[]> }): Promise<number> =>
  (await stack.history()).at(-1)?.seq ?? 0;

describe.skipIf(!found)("updates of containers", () => {
  test("rolling: bounds at every transition, the ordinals of those they replace, no failed request; a second apply meanwhile names the run", async () => {
    const port = freePort();
    const at = { port, update: "{ strategy: rolling, maxSurge: 1, maxUnavailable: 0, observationWindow: 300ms }" };
    const stack = rig.stack(web({ version: "v1", ...at }));
    await stack.up();
    const since = await lastSeq(stack);
    const asking = new Asking(`http://127.0.0.1:${port}/`);
    stack.edit(web({ version: "v2", ...at }));
    const first = stack.start("apply");
    await stack.event("the update", ({ type, reason }) => type === "instance.running" && reason === "config_changed");
    const [run] = (await rig.client.runs({ stack: stack.name })).runs;
    const seen = await stack.service("web");
    expect(seen.update).toMatchObject({ strategy: "rolling", phase: "updating", since_ms: expect.any(Number) });
    expect(seen.instances.map(({ version }) => version)).toContain("new");
    expect(await stack.orco("apply")).toMatchObject({ code: 5, err: expect.stringContaining(run?.id ?? "no run") });
    expect((await first.ended).code).toBe(0);
    const answers = await asking.stop();
    expect(boundsOf(await stack.history(), "web", since)).toEqual({ leastReady: 3, mostLive: 4 });
    expect(answers.filter(({ said }) => said !== "v1" && said !== "v2")).toEqual([]);
    expect((await stack.service("web")).instances.map(({ replica, version }) => `${replica} ${version}`)).toEqual([
      "0 new",
      "1 new",
      "2 new",
    ]);
    await until("those replaced to be removed", async () => (await docker.containers(stack.name)).length === 3);
    await stack.ok("down");
  });

  for (const [title, weight, share] of [
    ["one of four", "", 0.25],
    ["a tenth by weight", ', weight: "10%"', 0.1],
  ] as const)
    test(`canary: ${title} of the requests, abort takes it away, promote rolls on`, async () => {
      const port = freePort();
      const at = { port, update: `{ strategy: canary${weight} }` };
      const stack = rig.stack(web({ version: "v1", ...at }));
      await stack.up();
      const apply = async (version: string): Promise<ReturnType<typeof stack.start>> => {
        stack.edit(web({ version, ...at }));
        const started = stack.start("apply");
        await stack.whenService("web", "to have a canary", ({ update }) => update?.phase === "canary");
        return started;
      };
      const measured = async (): Promise<number> => {
        const asking = new Asking(`http://127.0.0.1:${port}/`);
        await until("600 answers", () => asking.answers.length >= 600, 60_000);
        const answers = await asking.stop();
        return answers.filter(({ said }) => said === "v2").length / answers.length;
      };
      const aborted = await apply("v2");
      expect(Math.abs((await measured()) - share)).toBeLessThan(0.06);
      expect(await stack.ok("abort", "web")).toBeDefined();
      expect((await aborted.ended).code).toBe(1);
      expect(await measured()).toBe(0);
      await until("those replaced to be removed", async () => (await docker.containers(stack.name)).length === 3);
      const promoted = await apply("v2");
      await stack.ok("promote", "web");
      expect((await promoted.ended).code).toBe(0);
      expect(await measured()).toBe(1);
      expect((await stack.orco("promote", "web")).code).toBe(5);
      await stack.ok("down");
    });

  test("canary with promoteAfter goes on by itself", async () => {
    const port = freePort();
    const at = { port, replicas: 2, update: "{ strategy: canary, promoteAfter: 500ms }" };
    const stack = rig.stack(web({ version: "v1", ...at }));
    await stack.up();
    stack.edit(web({ version: "v2", ...at }));
    await stack.ok("apply");
    expect((await stack.service("web")).instances.map(({ version }) => version)).toEqual(["new", "new"]);
    const phases = (await stack.history()).filter(({ type }) => type.startsWith("update.")).map(({ type }) => type);
    expect(phases.length).toBeGreaterThan(0);
    await stack.ok("down");
  });

  test("blueGreen: twice the replicas, one switch, and abort during drainTimeout switches back", async () => {
    const port = freePort();
    const at = { port, replicas: 2, update: "{ strategy: blueGreen, drainTimeout: 10s }" };
    const stack = rig.stack(web({ version: "v1", ...at }));
    await stack.up();
    const since = await lastSeq(stack);
    const asking = new Asking(`http://127.0.0.1:${port}/`);
    stack.edit(web({ version: "v2", ...at }));
    const undone = stack.start("apply");
    await stack.whenService("web", "to have switched", ({ update }) => update?.phase === "switched");
    const there = await enough(asking, "v2");
    const back = new Asking(`http://127.0.0.1:${port}/`);
    await until("the new set to answer", () => back.answers.length > 20);
    const offset = back.answers.length;
    await stack.ok("abort", "web");
    expect((await undone.ended).code).toBe(1);
    const here = (await enough(back, "v1")).slice(offset);
    expect(boundsOf(await stack.history(), "web", since)).toMatchObject({ leastReady: 2, mostLive: 4 });
    const again = new Asking(`http://127.0.0.1:${port}/`);
    stack.edit(web({ version: "v2", ...at, update: "{ strategy: blueGreen, drainTimeout: 2s }" }));
    await stack.ok("apply");
    const done = await enough(again, "v2");
    const blurs = [blurMs(there, "v2"), blurMs(here, "v1"), blurMs(done, "v2")];
    if (process.env["ORCO_FIGURES"])
      console.log(`blueGreen: old answers after the first new one for ${blurs.map(Math.round).join(", ")} ms`);
    // The least: a worker of the edge that the machine holds up learns of a switch as much later.
    expect(Math.min(...blurs)).toBeLessThanOrEqual(100);
    await until("the old set to be removed", async () => (await docker.containers(stack.name)).length === 2);
    await stack.ok("down");
  });
});

/** Asks on until the last 40 answers are all of one version. */
async function enough(asking: Asking, version: string): Promise<readonly Answer[]> {
  await until(
    `40 answers of ${version}`,
    () => asking.answers.length >= 40 && asking.answers.slice(-40).every(({ said }) => said === version),
  );
  return asking.stop();
}

/** How long after the first answer of `to` somebody who asked then still got another. Throws for a request that failed, or when `to` never came. */
function blurMs(answers: readonly Answer[], to: string): number {
  const failed = answers.find(({ said }) => said !== "v1" && said !== "v2");
  const first = answers.find(({ said }) => said === to);
  if (failed || !first) throw new Error(failed?.said ?? `no answer of ${to} in ${answers.length}`);
  return Math.max(0, ...answers.map(({ said, askedAt }) => (said === to ? 0 : askedAt - first.at)));
}
