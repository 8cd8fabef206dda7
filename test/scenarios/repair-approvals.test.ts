import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import type { RunDetail } from "../../src/repair/view.ts";
import { until } from "../until.ts";
import { contract, planOf, stepsOf } from "./repair-contract.ts";
import { type Fields, TIME } from "./runs-rig.ts";

setDefaultTimeout(90_000);
const found = await contract();
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const POLICY = `approvers:
  - {id: bob, role: owner, token_sha256: ${sha256("bobs")}}
  - {id: alice, role: owner, token_sha256: ${sha256("alices")}}
  - {id: eve, role: dev, token_sha256: ${sha256("eves")}}
services:
  guarded: {protected: true, roles: [owner], settle: 200ms}
  edited: {protected: true, settle: 200ms}
  committed: {protected: true, settle: 200ms}
  late: {protected: true, expires: 6s, settle: 200ms}
  own: {protected: true, self_approval: true, settle: 200ms}
`;
const BOB = { approver: { id: "bob", role: "owner" }, token: "bobs" };

afterAll(() => found?.close());

describe.skipIf(!found)("an approval", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    c.project({ guarded: {}, edited: {}, committed: {}, late: {}, own: {} }, POLICY);
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build", "guarded");
    await c.begin();
  });

  /** Of somebody's plan, which waits. */
  async function waiting(service: string, requester = "alice"): Promise<RunDetail> {
    const path = `${service}/Dockerfile`;
    const text = c.rig.read(path);
    const plan = planOf(path, text, text.replace("RUN chmod", "RUN sed -i 's/\\r$//' /start.sh\nRUN chmod"));
    const detail = await c.waiting(await c.admitted(service, { plan, requested_by: { id: requester } }));
    expect(detail).toMatchObject({ status: "awaiting_approval", approval_required: true, approval_status: "awaiting" });
    return detail;
  }

  async function refused(id: string, body: Fields, what: readonly [number, string]): Promise<void> {
    const { status, body: said } = await c.decide(id, body);
    expect([status, said["code"]]).toEqual([...what]);
  }

  const listed = async (): Promise<unknown[]> =>
    ((await c.ask("/orchestrator/runs?status=awaiting_approval")).body["runs"] as RunDetail[]).map(({ run_id: id }) => id);

  test("of a protected service is asked for before anything moved, given once, by somebody else, for what they saw", async () => {
    const [before, tags] = [await c.rig.look(), await c.tags(c.rig.project)];
    const made = await c.create("guarded", { requested_by: { id: "alice", role: "owner" } });
    expect(made.body as object).toMatchObject({ approval_required: true, approval_status: "awaiting" });
    const id = String(made.body["run_id"]);
    const asked = await c.waiting(id);
    expect(stepsOf(asked)).toEqual({
      analyze: "succeeded",
      patch: "pending",
      build: "pending",
      restart: "pending",
      verify: "pending",
      rollback: "pending",
    });
    expect([await c.rig.look(), await c.tags(c.rig.project)]).toEqual([before, tags]);
    expect(await c.tags("orco-rollback/guarded")).toEqual([]);
    expect(await listed()).toContain(id);
    expect(asked.approval).toEqual({
      required: true,
      status: "awaiting",
      reasons: ["the service is protected"],
      roles: ["owner"],
      expires_at: expect.stringMatching(TIME),
      approver: null,
      comment: null,
      decided_at: null,
    });
    expect(Date.parse(asked.approval.expires_at ?? "") - Date.now()).toBeWithin(3_500_000, 3_600_001);
    expect(asked.artifacts.map(({ name }) => name)).toEqual(["analyze.log", "patch.diff", "plan.json"]);

    const denied = [403, "approval_denied"] as const;
    await refused(id, { approver: { id: "bob", role: "owner" } }, denied);
    await refused(id, { ...BOB, token: "eves" }, denied);
    await refused(id, { approver: { id: "eve", role: "owner" }, token: "eves" }, denied);
    await refused(id, { approver: { id: "alice", role: "owner" }, token: "alices" }, denied);
    await refused(id, { approver: { id: "ALICE " }, token: "alices" }, denied);
    await refused(id, { ...BOB, plan_hash: sha256("another") }, [409, "approval_void"]);
    expect((await c.detail(id)).status).toBe("awaiting_approval");

    const body = { ...BOB, comment: "seen", plan_hash: asked.plan_hash };
    const both = await Promise.all([c.decide(id, body), c.decide(id, body)]);
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    expect(both.find(({ status }) => status === 409)?.body["code"]).toBe("approval_not_applicable");
    expect(both.find(({ status }) => status === 200)?.body as object).toMatchObject({ run_id: id, approval_status: "granted" });
    const detail = await c.ended(id);
    expect(detail).toMatchObject({ status: "succeeded", approval_required: true, approval_status: "granted" });
    expect(detail.approval).toMatchObject({
      status: "granted",
      approver: { id: "bob", role: "owner" },
      comment: "seen",
      decided_at: expect.stringMatching(TIME),
    });
    await refused(id, body, [409, "approval_not_applicable"]);
    await refused(id, { approver: { id: "nobody" } }, [409, "approval_not_applicable"]);
    const { records } = (await c.ask("/audit")).body as { records: { action: string; subject: string; actor: string; facts: Fields }[] };
    const mine = records.filter(({ subject }) => subject === id);
    expect(mine.map(({ action }) => action).toSorted()).toEqual(
      [...Array<string>(5).fill("repair.denied"), "repair.approved", "repair.requested"].toSorted(),
    );
    expect(mine.find(({ action }) => action === "repair.approved")).toMatchObject({
      actor: "bob (owner)",
      facts: { comment: "seen", plan_hash: asked.plan_hash },
    });
    expect((await c.ask("/audit/verify")).body["ok"]).toBe(true);
  });

  test("is void where the operator has edited the file meanwhile: the run fails, and the edit stays", async () => {
    const { run_id: id } = await waiting("edited");
    const edited = `${c.rig.read("edited/Dockerfile")}# mine\n`;
    c.rig.write("edited/Dockerfile", edited);
    const before = await c.rig.look();
    await refused(id, BOB, [409, "approval_void"]);
    const detail = await c.detail(id);
    expect(detail).toMatchObject({ status: "failed", error: { code: "plan_outdated", message: expect.stringContaining("plan outdated") } });
    const nobody = { required: true, status: "expired", approver: null, decided_at: null };
    expect(detail).toMatchObject({ approval_required: true, approval_status: "expired", approval: nobody });
    expect(await c.rig.look()).toEqual(before);
    expect(stepsOf(detail)).toMatchObject({ patch: "skipped", rollback: "skipped" });
    await refused(id, BOB, [409, "approval_not_applicable"]);
    await c.rig.git("checkout", "--", "edited");
  });

  test("is void where the operator has committed meanwhile", async () => {
    const { run_id: id } = await waiting("committed");
    await c.rig.commit("another");
    await refused(id, { ...BOB, decision: "approve" }, [409, "approval_void"]);
    expect(await c.detail(id)).toMatchObject({ status: "failed", error: { code: "plan_outdated" } });
  });

  test("that nobody gives in time ends the run as rejected (expired); who rejects ends it too", async () => {
    const before = await c.rig.look();
    const [late, no] = await Promise.all([waiting("late"), waiting("committed")]);
    const rejected = await c.decide(no.run_id, { ...BOB, decision: "reject", comment: "not now" });
    expect([rejected.status, rejected.body["status"], rejected.body["approval_status"]]).toEqual([200, "rejected", "rejected"]);
    const ended = await c.ended(late.run_id);
    expect(ended).toMatchObject({
      status: "rejected",
      approval_status: "expired",
      error: { code: "approval_denied", message: expect.stringContaining("(expired)") },
    });
    await refused(late.run_id, BOB, [409, "approval_not_applicable"]);
    const { run } = (await c.ask(`/runs/${late.run_id}`)).body as { run: { status: string } };
    expect(run.status).toBe("failed");
    expect(await c.detail(no.run_id)).toMatchObject({
      approval: { comment: "not now", approver: { id: "bob", role: "owner" }, decided_at: expect.stringMatching(TIME) },
    });
    expect(await c.rig.look()).toEqual(before);
  });

  test("may be the requester's own where the profile says so; a stale plan can still be rejected; runs among runs are held to the same", async () => {
    const { run_id: id } = await waiting("own");
    const asked = async (): Promise<object | undefined> => ((await c.ask(`/runs/${id}`)).body as { run: { waiting?: object } }).run.waiting;
    expect(await until("the run to wait", asked)).toMatchObject({
      kind: "approval",
      content_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const other = await c.post(`/runs/${id}/approvals`, { decision: "approve", token: "bobs", content_hash: sha256("x") });
    expect([other.status, other.body["code"]]).toEqual([409, "approval_void"]);
    const nobody = await c.post(`/runs/${id}/approvals`, { decision: "approve" });
    expect([nobody.status, nobody.body["code"]]).toEqual([403, "approval_denied"]);
    await c.rig.commit("yet another");
    const alice = { approver: { id: "alice", role: "owner" }, token: "alices" };
    const { status, body } = await c.decide(id, { ...alice, decision: "reject" });
    expect([status, body["status"]]).toEqual([200, "rejected"]);
    const again = await waiting("own");
    expect((await c.decide(again.run_id, alice)).status).toBe(200);
    expect((await c.ended(again.run_id)).status).toBe("succeeded");
  });
});
