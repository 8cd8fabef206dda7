import { describe, expect, test } from "bun:test";
import { type Fields, type Reply, runsRig, sh } from "./runs-rig.ts";

const LEASE_MS = 6000;
const rig = runsRig({ ORCO_LEASE_MS: String(LEASE_MS) });

async function claimed(id: string): Promise<(path: string, json?: unknown) => Promise<Reply>> {
  const { body } = await rig.post(`/runs/${id}/claim`, { worker: "w" });
  const headers = { authorization: `Bearer ${String(body["token"])}` };
  return (path, json) => rig.post(`/runs/${id}${path}`, json, { headers });
}

function said({ status, body }: Reply): unknown[] {
  return [status, body["code"]];
}

describe("what a worker reports", () => {
  const senseless: Fields[] = [
    { step: "a", event: "begin", set: { startedAt: 1e20 } },
    { step: "a", event: "begin", set: { begunAt: "yesterday" } },
    { step: "a", event: "begin", set: { attempt: -1 } },
    { step: "a", event: "begin", set: { outputs: "none" } },
    { step: "a", event: "begin", set: { unheard: true } },
    { step: "a", event: "wait", waiting: { kind: "approval" } },
    { step: "a", event: "wait", waiting: { kind: "approval", summary: "x", since: 1e20 } },
    { step: "a", event: "wait", waiting: { kind: "approval", summary: "x", since: 1, roles: "admin" } },
    { step: "a", event: "tell", progress: { percent: 7, message: "x".repeat(100_000) } },
    { step: "a", event: "fail", error: { code: "x", message: "y", facts: "z" } },
    { step: "a", event: "fail", error: { code: "x", message: "y", facts: { much: "z".repeat(600_000) } } },
  ];

  test("is refused where it makes no sense, and nobody's list of runs breaks over it", async () => {
    const id = await rig.create({ external: true });
    const say = await claimed(id);
    for (const change of senseless) expect([change, (await say("/report", { changes: [change] })).status]).toEqual([change, 400]);
    expect(said(await say("/logs", { lines: [{ at: 1e300, step: "", attempt: 0, source: "stdout", message: "" }] }))).toEqual([
      400,
      "invalid",
    ]);
    expect((await rig.get("/runs")).status).toBe(200);
    expect((await rig.run(id)).steps).toEqual([]);
  });
});

describe("the token of a step that the daemon executes", () => {
  test("opens what a step says, not what an engine decides: no approval of its own, no end, no handing back", async () => {
    const id = await rig.plan([
      // As it stands it would be redacted.
      sh("work", `echo '{"type":"output","data":{"token":"'$(printf %s "$ORCO_RUN_TOKEN" | od -An -v -tx1 | tr -d '[:space:]')'"}}'`),
      { id: "gate", needs: ["work"], approval: {} },
    ]);
    const run = await rig.stepWhen(id, "gate", "waiting");
    const token = Buffer.from(String(run.steps[0]?.outputs?.["token"]), "hex").toString();
    const headers = { authorization: `Bearer ${token}` };
    const say = (path: string, json: unknown): Promise<Reply> => rig.post(`/runs/${id}${path}`, json, { headers });
    expect(said(await say("/report", { changes: [{ step: "gate", event: "finish" }] }))).toEqual([409, "not_external"]);
    expect(said(await say("/finish", { status: "completed" }))).toEqual([409, "not_external"]);
    expect(said(await say("/heartbeat", { release: true }))).toEqual([409, "not_external"]);
    expect((await say("/checkpoints", { type: "said" })).status).toBe(201);
    expect((await say("/heartbeat", {})).body["cancel_requested"]).toBe(false);
    const seen = await rig.run(id);
    expect([seen.status, seen.attempt, seen.steps[1]?.status]).toEqual(["running", 1, "waiting"]);
    await rig.delete(`/runs/${id}`);
  });
});

describe("the token of an attempt that is over", () => {
  test("leaves no artifacts", async () => {
    const id = await rig.create({ external: true });
    const say = await claimed(id);
    await rig.runWhen(id, ({ status }) => status === "pending");
    expect(said(await say("/artifacts/late.txt", { late: true }))).toEqual([409, "stale_attempt"]);
    expect((await rig.get(`/runs/${id}/artifacts`)).body["artifacts"]).toEqual([]);
  });
});
