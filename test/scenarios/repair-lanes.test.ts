import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RunDetail } from "../../src/repair/view.ts";
import { contract, planOf } from "./repair-contract.ts";

setDefaultTimeout(90_000);
const COOLDOWN_MS = 8000;
const found = await contract({ ORCO_REPAIR_COOLDOWN_MS: String(COOLDOWN_MS), ORCO_REPAIR_BREAKER_MS: "3600000" });
const POLICY = `services:
  held: {protected: true, settle: 200ms}
`;

afterAll(() => found?.close());

describe.skipIf(!found)("repairs of one service", () => {
  const c = found as NonNullable<typeof found>;
  const at = (time: string | null): number => Date.parse(time ?? "");

  beforeAll(async () => {
    c.project({ held: {}, whole: { isWhole: true }, back: {} }, POLICY);
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build", "back");
    await c.begin();
  });

  function plan(service: string): ReturnType<typeof planOf> {
    const text = c.rig.read(`${service}/Dockerfile`);
    return planOf(`${service}/Dockerfile`, text, `${text}# and more\n`);
  }

  test("go one after the other, high ones first; another service does not wait", async () => {
    const first = await c.waiting(await c.admitted("held", { plan: plan("held"), requested_by: { id: "alice" } }));
    const normal = await c.create("held", { dry_run: true, plan: plan("held") });
    const high = await c.create("held", { dry_run: true, plan: plan("held"), priority: "high" });
    const later = await c.create("held", { dry_run: true, plan: plan("held"), priority: "high" });
    const queued = [normal, high, later].map(({ body }) => body as unknown as RunDetail);
    expect(queued.map(({ status, started_at: started }) => [status, started])).toEqual([
      ["queued", null],
      ["queued", null],
      ["queued", null],
    ]);
    const listed = (await c.ask("/orchestrator/runs?status=queued&service=held")).body["runs"] as RunDetail[];
    expect(listed.map(({ run_id: id }) => id)).toEqual(queued.map(({ run_id: id }) => id).toReversed());
    const other = await c.through("whole", { dry_run: true, plan: plan("whole") });
    expect(other.status).toBe("succeeded");
    expect((await c.detail(queued[0]?.run_id ?? "")).status).toBe("queued");
    const gone = await c.cancel(queued[2]?.run_id ?? "");
    expect(gone.body as object).toMatchObject({ status: "canceled", started_at: null, completed_at: expect.any(String) });
    expect((await c.decide(first.run_id, { decision: "reject" })).body["status"]).toBe("rejected");
    const [low, top] = await Promise.all(queued.slice(0, 2).map(({ run_id: id }) => c.ended(id)));
    expect([low?.status, top?.status]).toEqual(["succeeded", "succeeded"]);
    expect(at(top?.completed_at ?? null)).toBeLessThanOrEqual(at(low?.started_at ?? null));
  });

  test("rest after a change: what comes next stays queued, across a restart of the daemon; the same fault again needs an approval", async () => {
    const dry = await c.through("back", { dry_run: true });
    expect([dry.status, dry.approval_required]).toEqual(["succeeded", false]);
    const first = await c.through("back");
    expect([first.status, first.approval_required]).toEqual(["succeeded", false]);
    expect(at(first.started_at) - at(dry.completed_at)).toBeLessThan(COOLDOWN_MS);
    await c.rig.git("checkout", "--", "back");
    const second = await c.create("back", { logs: "[FATAL tini (7)] exec /start.sh failed: No such file or directory\n" });
    expect(second.body["status"]).toBe("queued");
    await c.rig.kill();
    await c.rig.begin();
    const id = String(second.body["run_id"]);
    const waits = await c.waiting(id);
    expect(at(waits.started_at) - at(first.completed_at)).toBeGreaterThanOrEqual(COOLDOWN_MS);
    expect(waits).toMatchObject({ status: "awaiting_approval", approval_required: true });
    expect(waits.approval.reasons).toEqual([expect.stringContaining("it is back")]);
    expect((await c.cancel(id)).body["status"]).toBe("canceled");
    expect(await c.detail(id)).toMatchObject({
      status: "canceled",
      approval_required: true,
      approval_status: "expired",
      completed_at: expect.any(String),
    });
  });

  test("are made once with one Idempotency-Key, however often at a time", async () => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const body = { plan: plan("whole"), dry_run: true };
    const all = await Promise.all([1, 2, 3].map(() => c.create("whole", body, headers)));
    const made = all.filter(({ status }) => status === 202);
    expect(all.every(({ status }) => status === 202 || status === 409)).toBe(true);
    expect(new Set(made.map(({ body: { run_id: id } }) => id)).size).toBe(1);
    const id = String(made[0]?.body["run_id"]);
    await c.ended(id);
    const again = await c.create("whole", body, headers);
    expect([again.status, again.body["run_id"], again.headers.get("idempotency-replayed")]).toEqual([202, id, "true"]);
    expect((await c.create("whole", { ...body, dry_run: false }, headers)).status).toBe(422);
  });
});
