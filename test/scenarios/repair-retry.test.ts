import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RunDetail } from "../../src/repair/view.ts";
import { contract, planOf, stepsOf } from "./repair-contract.ts";

setDefaultTimeout(90_000);
const found = await contract();
const POLICY = `services:
  guarded: {protected: true, settle: 200ms}
  late: {protected: true, expires: 500ms, settle: 200ms}
`;

afterAll(() => found?.close());

describe.skipIf(!found)("a retry", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    c.project({ api: { isWhole: true }, whole: { isWhole: true }, guarded: { isWhole: true }, late: { isWhole: true } }, POLICY);
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build", "api", "whole");
    await c.begin();
  });

  const withLine = (service: string, line: string): ReturnType<typeof planOf> => {
    const text = c.rig.read(`${service}/Dockerfile`);
    return planOf(`${service}/Dockerfile`, text, text.replace("CMD", `${line}\nCMD`));
  };

  async function refused(id: string, body: Record<string, unknown> = {}): Promise<void> {
    const { status, body: said } = await c.retry(id, body);
    expect([status, said["code"]]).toEqual([409, "conflict"]);
  }

  async function retried(id: string, body: Record<string, unknown> = {}): Promise<RunDetail> {
    const { status, body: made, headers } = await c.retry(id, body);
    expect([status, made["retry_of"]]).toEqual([202, id]);
    expect(headers.get("location")).toBe(`/orchestrator/runs/${String(made["run_id"])}`);
    return c.waiting(String(made["run_id"]));
  }

  test("of one that was rolled back takes over its plan and goes on from the step that failed; what each left stays", async () => {
    const before = await c.rig.look();
    // It builds when the world outside is as it should be: the first time it is not.
    c.rig.write("api/flag", "no\n");
    await c.rig.commit("a flag");
    const plan = withLine("api", "COPY flag /flag\nRUN grep yes /flag");
    const first = await c.through("api", { plan, instruction: "look at the flag", priority: "high" });
    expect([first.status, stepsOf(first)["build"], first.error?.code]).toEqual(["rolled_back", "failed", "build_failed"]);
    const { "api/flag": _, ...files } = (await c.rig.look()).files;
    expect({ ...(await c.rig.look()), files }).toEqual(before);
    c.rig.write("api/flag", "yes\n");
    const second = await retried(first.run_id, { reason: "the flag is up" });
    expect(second).toMatchObject({
      status: "succeeded",
      retry_of: first.run_id,
      attempt: 2,
      priority: "high",
      plan_hash: first.plan_hash,
      instruction: expect.stringContaining("the flag is up"),
    });
    expect(stepsOf(second)).toEqual({
      analyze: "skipped",
      patch: "succeeded",
      build: "succeeded",
      restart: "succeeded",
      verify: "succeeded",
      rollback: "skipped",
    });
    expect(second.steps[0]?.message).toContain(first.run_id);
    expect(await c.artifact(second.run_id, "patch.diff")).toBe(await c.artifact(first.run_id, "patch.diff"));
    expect((await c.detail(first.run_id)).artifacts).toEqual(first.artifacts);
    await refused(second.run_id);
    await refused(second.run_id, { resume_from_step: "analyze" });
  });

  test("from analyze looks anew; from a step that needs a plan there must be one", async () => {
    const nothing = await c.through("whole");
    expect([nothing.status, nothing.error?.code]).toEqual(["failed", "nothing_to_repair"]);
    for (const step of ["patch", "verify"]) await refused(nothing.run_id, { resume_from_step: step });
    expect((await c.retry(nothing.run_id, { resume_from_step: "deploy" })).status).toBe(400);
    const again = await retried(nothing.run_id, { resumeFromStep: "analyze" });
    expect(again).toMatchObject({ status: "failed", attempt: 2, error: { code: "nothing_to_repair" } });
  });

  test("of one under way is none; of a rejected, an expired and a canceled one it asks again", async () => {
    const plan = withLine("guarded", "RUN true");
    const first = await c.waiting(await c.admitted("guarded", { plan, requested_by: { id: "alice" } }));
    await refused(first.run_id);
    const late = await c.admitted("late", { plan: withLine("late", "RUN true") });
    expect((await c.decide(first.run_id, { decision: "reject" })).body["status"]).toBe("rejected");
    const second = await retried(first.run_id, { resume_from_step: "build" });
    expect(second).toMatchObject({ status: "awaiting_approval", approval_status: "awaiting", attempt: 2 });
    expect((await c.cancel(second.run_id)).body["status"]).toBe("canceled");
    const third = await retried(second.run_id);
    expect(third).toMatchObject({ status: "awaiting_approval", attempt: 3, retry_of: second.run_id });
    expect((await c.cancel(third.run_id)).body["status"]).toBe("canceled");
    expect((await c.ended(late)).approval_status).toBe("expired");
    expect(["awaiting_approval", "rejected"]).toContain((await retried(late)).status);
    expect((await c.detail(first.run_id)).artifacts.map(({ name }) => name)).toEqual(["patch.diff", "plan.json"]);
  });
});
