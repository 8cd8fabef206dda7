import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { contract, planOf, stepsOf } from "./repair-contract.ts";

setDefaultTimeout(90_000);
const found = await contract();
/** It does not end when it is asked to: a restart takes its grace period. */
const STUBBORN = "trap '' TERM\nwhile :; do sleep 1; done";
const POLICY = `services:
  verified: {settle: 200ms, health: {url: "http://verified:9/", timeout: 60s}}
`;

afterAll(() => found?.close());

describe.skipIf(!found)("a repair that is canceled", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    const whole = { isWhole: true };
    c.project(
      {
        analyzed: { dockerfile: "FROM busybox:local\nRUN echo analyzed; sleep 60\n" },
        built: whole,
        restarted: { isWhole: true, script: STUBBORN, compose: "stop_grace_period: 4s" },
        verified: whole,
      },
      POLICY,
    );
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build", "built", "restarted", "verified");
    await c.begin();
  });

  function admitted(service: string, line: string): Promise<string> {
    const text = c.rig.read(`${service}/Dockerfile`);
    return c.admitted(service, { plan: planOf(`${service}/Dockerfile`, text, text.replace("CMD", `${line}\nCMD`)) });
  }

  /** The answer comes when it has ended; it cannot be canceled again, nor approved. */
  async function canceled(id: string): Promise<void> {
    const { status, body } = await c.cancel(id);
    expect([status, body["status"], body["completed_at"]]).toEqual([200, "canceled", expect.any(String)]);
    expect((await c.ask(`/runs/${id}`)).body["run"] as object).toMatchObject({ status: "canceled" });
    const again = await c.cancel(id);
    expect([again.status, again.body["code"]]).toEqual([409, "conflict"]);
    expect((await c.decide(id, {})).status).toBe(409);
    expect(await c.tags(id)).toEqual([]);
  }

  test("leaves everything as it was, in whichever step it is", async () => {
    const [before, tags] = [await c.rig.look(), await c.tags(c.rig.project)];
    const built = await c.rig.container("built");

    const analyzed = await c.admitted("analyzed");
    await c.when(analyzed, "a trial build", ({ artifacts }) => artifacts.some(({ name }) => name === "analyze.log"));
    await canceled(analyzed);
    const early = await c.detail(analyzed);
    expect(stepsOf(early)).toMatchObject({ analyze: "failed", patch: "skipped", rollback: "skipped" });

    const inBuild = await admitted("built", "RUN sleep 60");
    await c.inStep(inBuild, "build");
    expect(c.rig.read("built/Dockerfile")).toContain("sleep 60");
    await canceled(inBuild);
    expect(stepsOf(await c.detail(inBuild))).toMatchObject({
      patch: "succeeded",
      build: "failed",
      restart: "skipped",
      rollback: "succeeded",
    });
    expect((await c.rig.container("built"))?.Id).toBe(built?.Id ?? "");

    const inRestart = await admitted("restarted", "RUN touch /patched");
    await c.inStep(inRestart, "restart");
    await canceled(inRestart);
    expect(stepsOf(await c.detail(inRestart))).toMatchObject({
      build: "succeeded",
      restart: "failed",
      verify: "skipped",
      rollback: "succeeded",
    });

    const inVerify = await admitted("verified", "RUN touch /patched");
    await c.inStep(inVerify, "verify");
    await canceled(inVerify);
    const late = await c.detail(inVerify);
    expect(stepsOf(late)).toMatchObject({ restart: "succeeded", verify: "failed", rollback: "succeeded" });
    expect(late.artifacts.map(({ name }) => name)).toContain("rollback.log");

    expect(await c.rig.look()).toEqual(before);
    expect(await c.tags(c.rig.project)).toEqual(tags);
    for (const service of ["built", "restarted", "verified"]) expect((await c.rig.container(service))?.State.Running).toBe(true);
    expect(await c.rig.container("analyzed")).toBeUndefined();
    const running = await c.rig.engine.call<{ Command: string }[]>("GET", "/containers/json");
    expect(running.filter(({ Command }) => Command.includes("echo analyzed; sleep 60"))).toEqual([]);
  });
});
