import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RunDetail } from "../../src/repair/view.ts";
import { contract, planOf, stepsOf } from "./repair-contract.ts";

setDefaultTimeout(90_000);
const found = await contract();
/** Its own answer is fine, whatever its healthcheck says. */
const SERVE = "mkdir -p /www && echo '{\"items\": 3}' >/www/health && exec httpd -f -p 8000 -h /www";
const CHECK = (test: string): string => `healthcheck: {test: "${test}", interval: 200ms, retries: 2, timeout: 10s}`;
const POLICY = `services:
  sick: {settle: 200ms, health: {url: "http://sick:8000/health", timeout: 5s}}
  deaf: {settle: 200ms, health: {url: "http://deaf:8000/absent", timeout: 10s}}
  wrong: {settle: 200ms, health: {url: "http://wrong:8000/health", timeout: 10s}, app_check: {path: /health, pattern: "items.: 3"}}
  never: {settle: 200ms, health: {url: "http://never:8000/health", timeout: 3s}, app_check: {path: /health, pattern: "items.: 4"}}
  ill: {settle: 200ms}
  gone: {settle: 200ms, health: {url: "http://gone:8000/absent", timeout: 12s}}
  hangs: {settle: 200ms, build_timeout: 2s}
`;

afterAll(() => found?.close());

describe.skipIf(!found)("a repair that fails after the patch", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    const whole = { isWhole: true, script: SERVE };
    c.project(
      {
        sick: { ...whole, compose: CHECK("test ! -e /patched") },
        deaf: whole,
        wrong: whole,
        never: whole,
        ill: { isWhole: true, compose: CHECK("exit 1") },
        gone: whole,
        hangs: { isWhole: true },
      },
      POLICY,
    );
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build");
    await c.begin();
  });

  /** A change that somebody brings: it builds, and leaves a mark in the image. */
  function admitted(service: string, line = "RUN touch /patched"): Promise<string> {
    const text = c.rig.read(`${service}/Dockerfile`);
    return c.admitted(service, { plan: planOf(`${service}/Dockerfile`, text, text.replace("CMD", `${line}\nCMD`)) });
  }

  async function rolledBack(service: string, line?: string): Promise<RunDetail> {
    const detail = await c.ended(await admitted(service, line));
    expect([detail.status, detail.error?.message]).toEqual(["rolled_back", expect.any(String)]);
    expect((await c.ask(`/runs/${detail.run_id}`)).body["run"] as object).toMatchObject({ status: "failed" });
    return detail;
  }

  test("is undone byte for byte, and the former image serves: healthcheck, HTTP health, application check", async () => {
    const before = await c.rig.look();
    const tags = await c.tags(c.rig.project);
    const ids = await Promise.all(["deaf", "wrong", "ill"].map(async (service) => (await c.rig.container(service))?.Id));
    const [sick, deaf, wrong, never, ill] = await Promise.all([
      rolledBack("sick"),
      rolledBack("deaf"),
      rolledBack("wrong", "RUN sed -i s/3/4/ /start.sh"),
      rolledBack("never"),
      rolledBack("ill"),
    ]);
    for (const detail of [sick, deaf, wrong, never, ill]) {
      expect(stepsOf(detail)).toEqual({
        analyze: "skipped",
        patch: "succeeded",
        build: "succeeded",
        restart: "succeeded",
        verify: "failed",
        rollback: "succeeded",
      });
      expect(detail.error?.code).toBe("verify_failed");
      expect(detail.artifacts.map(({ name }) => name)).toEqual([
        "build.log",
        "patch.diff",
        "plan.json",
        "restart.log",
        "rollback.log",
        "verify.log",
      ]);
      expect(await c.artifact(detail.run_id, "patch.diff")).toContain("\n+RUN ");
      expect(await c.tags(detail.run_id)).toEqual([]);
    }
    expect(sick?.error?.message).toContain("healthcheck");
    expect(deaf?.error?.message).toMatch(/^http: GET http:\/\/deaf:8000\/absent answers 404/);
    const attempts = (await c.artifact(deaf?.run_id ?? "", "verify.log"))
      .split("\n")
      .filter((line) => /^attempt \d+: http: not yet/.test(line));
    expect(attempts.length).toBeGreaterThanOrEqual(2);
    expect(wrong?.error?.message).toMatch(/^app: /);
    expect(wrong?.steps[5]?.message).toContain("matches");
    expect(never?.steps[5]?.message).toContain("was unhealthy then");
    expect(ill?.steps[5]?.message).toContain("was unhealthy then");
    expect(await c.rig.look()).toEqual(before);
    expect(await c.tags(c.rig.project)).toEqual(tags);
    for (const service of ["sick", "deaf", "wrong", "never", "ill"]) expect((await c.rig.container(service))?.State.Running).toBe(true);
    expect((await c.rig.container("deaf"))?.Id).not.toBe(ids[0] as string);
  });

  test("has its image built again where that is gone by then", async () => {
    const former = await c.rig.container("gone");
    const id = await admitted("gone");
    await c.inStep(id, "verify");
    const kept = await c.tags(id);
    expect(kept).toEqual([`orco-rollback/gone:${id} ${former?.Image}`]);
    await c.rig.engine.call("DELETE", `/images/orco-rollback/gone:${id}`, { query: { force: true } });
    const detail = await c.ended(id);
    expect([detail.status, detail.steps[5]?.status]).toEqual(["rolled_back", "succeeded"]);
    expect(await c.artifact(id, "rollback.log")).toContain("is gone: it is built again");
    expect((await c.rig.container("gone"))?.State.Running).toBe(true);
    expect(c.rig.read("gone/Dockerfile")).not.toContain("patched");
  });

  test("in its build is undone without touching the container: a build that fails, one that hangs", async () => {
    const former = await c.rig.container("hangs");
    const long = await rolledBack("hangs", "RUN sleep 60");
    expect([long.error?.code, long.error?.message]).toEqual(["timeout", expect.stringContaining("longer than 2s")]);
    const whole = await c.rig.container("deaf");
    const detail = await rolledBack("deaf", "RUN exit 7");
    expect(detail.error?.code).toBe("build_failed");
    expect(stepsOf(detail)).toMatchObject({ build: "failed", restart: "skipped", verify: "skipped", rollback: "succeeded" });
    expect(detail.steps[5]?.message).toContain("the files are as they were".slice(4));
    expect((await c.rig.container("hangs"))?.Id).toBe(former?.Id ?? "");
    expect((await c.rig.container("deaf"))?.Id).toBe(whole?.Id ?? "");
    const left = await c.rig.engine.call<{ Command: string }[]>("GET", "/containers/json");
    expect(left.filter(({ Command }) => Command.includes("sleep 60"))).toEqual([]);
  });
});
