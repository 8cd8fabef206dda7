import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { RunDetail } from "../../src/repair/view.ts";
import { contract, stepsOf } from "./repair-contract.ts";
import { TIME } from "./runs-rig.ts";

setDefaultTimeout(90_000);
const found = await contract();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const STEPS = ["analyze", "patch", "build", "restart", "verify", "rollback"];

afterAll(() => found?.close());

describe.skipIf(!found)("a repair on the wire", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    c.project({ api: {}, whole: { isWhole: true } });
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build");
    await c.begin();
  });

  test("is told in full at each stage, on its stream, and as a run among runs", async () => {
    const made = await c.create("api", { instruction: "  mend it  ", priority: "high", requested_by: { id: "alice", role: "dev" } });
    const summary = {
      run_id: expect.stringMatching(UUID),
      status: "queued",
      priority: "high",
      target_service: "api",
      project: c.rig.project,
      instruction: "mend it",
      queued_at: expect.stringMatching(TIME),
      started_at: null,
      completed_at: null,
      approval_required: false,
      approval_status: "not_required",
      dry_run: false,
      requested_by: { id: "alice", role: "dev" },
      trigger: "api",
      attempt: 1,
      retry_of: null,
      error: null,
      plan_summary: null,
    };
    expect(made.status).toBe(202);
    // It may have begun already.
    const { started_at: _, status, ...rest } = made.body;
    expect({ ...rest, started_at: null, status: "queued" }).toEqual(summary as never);
    expect(["queued", "running"]).toContain(status as string);
    expect(Object.keys(made.body).toSorted()).toEqual(Object.keys(summary).toSorted());
    const id = String(made.body["run_id"]);
    expect(made.headers.get("location")).toBe(`/orchestrator/runs/${id}`);
    const stream = await c.events(`/runs/${id}/events`);
    const early = await c.inStep(id, "analyze");
    expect(early).toMatchObject({
      status: "running",
      started_at: expect.stringMatching(TIME),
      completed_at: null,
      action_plan: null,
      plan_hash: null,
    });
    expect(early.steps.map(({ name }) => name)).toEqual(STEPS as never);
    expect(early.steps[5]).toEqual({
      name: "rollback",
      status: "pending",
      started_at: null,
      completed_at: null,
      attempt: 0,
      message: null,
      artifact_refs: [],
    });
    const detail = await c.ended(id);
    expect(Object.keys(detail).toSorted()).toEqual(
      [...Object.keys(summary), "finding", "action_plan", "plan_hash", "steps", "artifacts", "approval", "published"].toSorted(),
    );
    holds(detail);
    expect(detail).toMatchObject({ status: "succeeded", completed_at: expect.stringMatching(TIME), error: null, published: null });
    expect(detail.plan_summary).toContain("api/Dockerfile");
    await stream.over;
    await told(id, stream.frames);
    const { run } = (await c.ask(`/runs/${id}`)).body as { run: { status: string; kind: string } };
    expect([run.status, run.kind]).toEqual(["completed", "repair"]);
  });

  function holds(detail: RunDetail): void {
    expect(stepsOf(detail)).toEqual({ ...Object.fromEntries(STEPS.map((name) => [name, "succeeded"])), rollback: "skipped" });
    const refs = detail.steps.map(({ artifact_refs: refs }) => refs);
    expect(refs).toEqual([["analyze.log", "plan.json"], ["patch.diff"], ["build.log"], ["restart.log"], ["verify.log"], []]);
    for (const step of detail.steps.slice(0, 5)) {
      expect(step).toMatchObject({ started_at: expect.stringMatching(TIME), completed_at: expect.stringMatching(TIME), attempt: 1 });
      expect(step.message).not.toBe("");
    }
    const names = ["analyze.log", "build.log", "patch.diff", "plan.json", "restart.log", "verify.log"];
    expect(detail.artifacts.map(({ name }) => name)).toEqual(names);
    for (const artifact of detail.artifacts)
      expect(artifact).toEqual({
        name: artifact.name,
        type: artifact.name.endsWith("log") ? "log" : artifact.name === "plan.json" ? "plan" : "diff",
        sha256: expect.stringMatching(SHA256),
        size_bytes: expect.any(Number),
        created_at: expect.stringMatching(TIME),
      });
    expect(detail.plan_hash).toMatch(SHA256);
    expect(detail.finding).toMatchObject({ signature: expect.stringContaining("crlf"), verdict: "fix", entry: 20 });
    expect(detail.finding?.evidence[0]).toMatch(/^container:\d+: /);
    const { action_plan: plan } = detail;
    expect(plan).toMatchObject({
      version: 1,
      plan_id: expect.stringMatching(UUID),
      generated_at: expect.stringMatching(TIME),
      generated_by: "rules",
      target: {
        service: "api",
        compose_file: join(c.rig.workspace, "compose.yaml"),
        project: c.rig.project,
        workspace: c.rig.workspace,
        base_commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      },
      finding: detail.finding as object,
      files: [{ path: "api/Dockerfile", pre_sha256: expect.stringMatching(SHA256), post_sha256: expect.stringMatching(SHA256) }],
    });
    expect(plan?.steps.map(({ name }) => name)).toEqual(STEPS as never);
  }

  async function told(id: string, frames: readonly { event: string; id?: string; data: Record<string, unknown> }[]): Promise<void> {
    const last = frames.at(-1);
    expect([last?.event, last?.data["status"]]).toEqual(["end", "completed"]);
    const steps = frames.filter(({ event }) => event === "step").map(({ data }) => data);
    const went = Object.groupBy(steps, ({ step }) => String(step));
    expect(Object.keys(went)).toEqual(STEPS);
    for (const name of STEPS.slice(0, 5)) expect(went[name]?.map(({ status }) => status)).toEqual(["in_progress", "succeeded"]);
    expect(went["rollback"]?.map(({ status }) => status)).toEqual(["skipped"]);
    const said = frames.filter(({ event }) => event === "log").map(({ data }) => String(data["message"]));
    expect(said.join("\n")).toContain("RUN sed -i");
    const numbered = frames.filter((frame) => frame.id !== undefined);
    const middle = numbered[Math.floor(numbered.length / 2)];
    const again = await c.events(`/orchestrator/runs/${id}/events`, { "last-event-id": middle?.id ?? "" });
    await again.over;
    expect(again.numbered.map((frame) => frame.id)).toEqual(
      numbered.slice(numbered.indexOf(middle as never) + 1).map((frame) => frame.id as string),
    );
    const over = await fetch(`${c.url}/runs/${id}/events`, { headers: { "last-event-id": numbered.at(-1)?.id ?? "" } });
    expect(over.status).toBe(204);
  }

  test("takes camelCase, over the socket as well, and says who asked", async () => {
    const unix = join(c.rig.home, "orco.sock");
    const ask = (json: object, headers: Record<string, string> = {}): Promise<Response> =>
      fetch("http://orco/orchestrator/runs", {
        unix,
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(json),
      } as RequestInit);
    const key = { "idempotency-key": crypto.randomUUID() };
    const body = { instruction: "mend", targetService: `${c.rig.project}/whole`, dryRun: true };
    const made = await ask(body, key);
    const one = (await made.json()) as RunDetail;
    expect([made.status, one.dry_run, one.target_service]).toEqual([202, true, "whole"]);
    expect(one.requested_by).toEqual({ id: `uid:${process.getuid?.()}` });
    const again = await ask(body, key);
    expect([again.status, again.headers.get("idempotency-replayed"), (await again.json()) as object]).toEqual([202, "true", one]);
    expect((await ask({ ...body, dryRun: false }, key)).status).toBe(422);
    const detail = await c.ended(one.run_id);
    expect(detail).toMatchObject({ status: "failed", error: { code: "nothing_to_repair" }, action_plan: null });
    const list = await c.ask(`/orchestrator/runs?service=${c.rig.project}%2Fwhole&status=failed&limit=1`);
    expect((list.body["runs"] as RunDetail[]).map((run) => run.run_id)).toEqual([one.run_id]);
    const { run } = (await c.ask(`/runs/${one.run_id}`)).body as { run: { status: string; kind: string; error: { code: string } } };
    expect(run).toMatchObject({ kind: "repair", status: "failed", error: { code: "nothing_to_repair" } });
  });

  const refused: readonly (readonly [body: Record<string, unknown>, status: number, code: string])[] = [
    [{ target_service: "ap" }, 400, "unknown_service"],
    [{ target_service: "elsewhere/api" }, 400, "unknown_service"],
    [{ instruction: "" }, 400, "invalid_instruction"],
    [{ instruction: " \n " }, 400, "invalid_instruction"],
    [{ instruction: "🔧".repeat(4001) }, 400, "invalid_instruction"],
    [{ instruction: 7 }, 400, "invalid_instruction"],
    [{ priority: "urgent" }, 400, "invalid"],
    [{ plan: { steps: [] } }, 400, "invalid"],
    [{ plan: { steps: [{ name: "deploy", parameters: {} }] } }, 400, "invalid"],
  ];
  test.each(refused.map((row) => [JSON.stringify(row[0]).slice(0, 60), ...row] as const))(
    "is refused with %s",
    async (_, more, status, code) => {
      const before = await c.rig.look();
      const { status: said, body } = await c.create("api", more);
      expect([said, body["code"]]).toEqual([status, code]);
      if (code === "unknown_service") expect(body["services"] as string[]).toContain(`${c.rig.project}/api`);
      expect(await c.rig.look()).toEqual(before);
    },
  );

  test("that is not there is a 404, whatever is asked of it", async () => {
    const gone = "01a20038-0000-701b-9da7-d87171687a66";
    const asked = [
      c.ask(`/orchestrator/runs/${gone}`),
      c.ask(`/orchestrator/runs/${gone}/artifacts`),
      c.cancel(gone),
      c.retry(gone),
      c.decide(gone, {}),
    ];
    for (const { status, body } of await Promise.all(asked)) expect([status, body["code"]]).toEqual([404, "not_found"]);
  });
});
