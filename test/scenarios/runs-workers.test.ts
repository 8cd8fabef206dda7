import { describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import { type Fields, type Reply, runsRig, sh } from "./runs-rig.ts";

const LEASE_MS = 6000;
const rig = runsRig({ ORCO_LEASE_MS: String(LEASE_MS) });

/** A worker elsewhere, which holds the run. */
async function claimed(
  id: string,
  worker = "w",
): Promise<{ token: string; attempt: number; say: (path: string, json?: unknown) => Promise<Reply> }> {
  const { status, body, text } = await rig.post(`/runs/${id}/claim`, { worker });
  if (status !== 200) throw new Error(`${status} ${text}`);
  const token = String(body["token"]);
  const say = (path: string, json?: unknown) => rig.post(`/runs/${id}${path}`, json, { headers: { authorization: `Bearer ${token}` } });
  return { token, attempt: Number(body["attempt"]), say };
}

function said({ status, body }: Reply): unknown[] {
  return [status, body["code"]];
}

/** The lease of whoever held it is over. */
function lost(id: string) {
  return rig.runWhen(id, ({ status }) => status === "pending");
}

describe("a worker", () => {
  test("claims, beats, tells, finishes; its result is the run's", async () => {
    const id = await rig.create({ input: { n: 4 }, metadata: { who: "me" } });
    const { body } = await rig.post(`/runs/${id}/claim`, { worker: "w1" });
    expect(body).toMatchObject({ runId: id, attempt: 1, lease_ms: LEASE_MS, input: { n: 4 } });
    const headers = { "x-run-token": String(body["token"]) };
    const beat = await rig.post(`/runs/${id}/heartbeat`, {}, { headers });
    expect(beat.body).toMatchObject({ lease_ms: LEASE_MS, cancel_requested: false });
    expect((await rig.post(`/runs/${id}/heartbeat`, undefined, { headers })).status).toBe(200);
    expect((await rig.post(`/runs/${id}/checkpoints`, { type: "half", data: { at: 2 } }, { headers })).status).toBe(201);
    const result = { sum: [1, 2], text: "\u0007ä" };
    const finished = await rig.post(`/runs/${id}/finish`, { status: "completed", result }, { headers });
    expect(finished.body).toMatchObject({ ok: true, status: "completed" });
    const run = await rig.run(id);
    expect(run["result"]).toEqual(result);
    expect(run.attempt).toBe(1);
    for (const path of ["/checkpoints", "/finish", "/heartbeat", "/report", "/logs"]) {
      const bodies: Record<string, Fields> = {
        "/logs": { lines: [] },
        "/checkpoints": { type: "t" },
        "/finish": { status: "failed", error: "no" },
      };
      const late = await rig.post(`/runs/${id}${path}`, bodies[path] ?? {}, { headers });
      expect([path, ...said(late), late.body["from"]]).toEqual([path, 409, "conflict", "completed"]);
    }
  });

  test("fails and cancels in words of its own", async () => {
    const failing = await rig.create({});
    const error = { code: "gpu_gone", message: "the card fell off the bus", card: 3 };
    await (await claimed(failing)).say("/finish", { status: "failed", error });
    expect((await rig.run(failing)).error).toEqual(error);
    const plain = await rig.create({});
    await (await claimed(plain)).say("/finish", { status: "failed", error: "just so" });
    expect((await rig.run(plain)).error?.message).toBe("just so");
    const left = await rig.create({});
    await (await claimed(left)).say("/finish", { status: "canceled", reason: "told to" });
    expect((await rig.run(left)).status).toBe("canceled");
    const id = await rig.create({});
    const { say } = await claimed(id);
    for (const wrong of [
      {},
      { status: "running" },
      { status: "cancelled" },
      { status: "completed", extra: 1 },
      { status: "failed", error: 5 },
    ])
      expect(await say("/finish", wrong).then(said)).toEqual([400, "invalid"]);
    expect(said(await say("/finish", { status: "completed", result: "x".repeat(901 * 1024) }))).toEqual([413, "too_large"]);
    expect((await rig.run(id)).status).toBe("running");
  });

  test("who may not: no token, a foreign one, one of another run, garbage", async () => {
    const [id, other] = [await rig.create({}), await rig.create({})];
    await claimed(id);
    const { token } = await claimed(other);
    for (const headers of [
      {},
      { authorization: `Bearer ${token}` },
      { "x-run-token": token },
      { "x-run-token": "x" },
      { authorization: "Basic eDp5" },
    ]) {
      for (const [path, json] of [
        ["/heartbeat", {}],
        ["/finish", { status: "completed" }],
        ["/report", {}],
        ["/logs", { lines: [] }],
      ] as const)
        expect([path, ...said(await rig.post(`/runs/${id}${path}`, json, { headers: headers as Record<string, string> }))]).toEqual([
          path,
          401,
          "unauthorized",
        ]);
    }
    expect(said(await rig.post(`/runs/${id}/checkpoints`, { type: "t" }, { headers: { "x-run-token": token } }))).toEqual([
      401,
      "unauthorized",
    ]);
    expect(said(await rig.ask(`/runs/${id}/artifacts/a`, { method: "POST", raw: "x", headers: { "x-run-token": token } }))).toEqual([
      401,
      "unauthorized",
    ]);
    expect((await rig.get(`/runs/${id}/checkpoints`)).body["checkpoints"]).toEqual([]);
  });

  test("of two only one gets it, also when they ask at once", async () => {
    const id = await rig.create({});
    const asked = await Promise.all(Array.from({ length: 8 }, (_, n) => rig.post(`/runs/${id}/claim`, { worker: `w${n}` })));
    expect(asked.filter(({ status }) => status === 200)).toHaveLength(1);
    const refused = asked.filter(({ status }) => status !== 200);
    for (const reply of refused) {
      expect(said(reply)).toEqual([409, "busy"]);
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect((await rig.run(id)).attempt).toBe(1);
  });

  test("takes no run that orco executes, whatever it asks", async () => {
    const id = await rig.plan([{ id: "w", wait_for: "x" }]);
    for (const json of [{ worker: "w" }, { worker: "w", dispatch: 1 }]) {
      const reply = await rig.post(`/runs/${id}/claim`, json);
      expect([...said(reply), reply.body["mode"]]).toEqual([409, "not_external", "local"]);
    }
    for (const json of [{}, { worker: "" }, { worker: 3 }, { worker: "w", dispatch: -1 }])
      expect(said(await rig.post(`/runs/${id}/claim`, json))).toEqual([400, "invalid"]);
    await rig.delete(`/runs/${id}`);
    expect(said(await rig.post(`/runs/${id}/claim`, { worker: "w" }))).toEqual([409, "not_external"]);
  });
});

describe("a lease", () => {
  test("that runs out gives the run to the next; the zombie is fenced everywhere", async () => {
    const id = await rig.create({});
    const first = await claimed(id, "zombie");
    expect((await first.say("/checkpoints", { type: "mine" })).status).toBe(201);
    await lost(id);
    expect(said(await first.say("/heartbeat", {}))).toEqual([409, "stale_attempt"]);
    const second = await claimed(id, "heir");
    expect(second.attempt).toBe(2);
    const tries: [string, unknown][] = [
      ["/checkpoints", { type: "not mine" }],
      ["/heartbeat", {}],
      ["/heartbeat", { release: true }],
      ["/report", { checkpoints: [{ type: "not mine" }] }],
      ["/finish", { status: "completed", result: "wrong" }],
    ];
    for (const [path, json] of tries) {
      const reply = await first.say(path, json);
      expect([path, ...said(reply), reply.body["attempt"]]).toEqual([path, 409, "stale_attempt", 2]);
    }
    expect((await second.say("/finish", { status: "completed", result: "right" })).status).toBe(200);
    expect((await rig.run(id))["result"]).toBe("right");
    const { body } = await rig.get(`/runs/${id}/checkpoints`);
    expect((body["checkpoints"] as { type: string }[]).map(({ type }) => type)).toEqual(["mine"]);
  });

  test("lasts while there are heartbeats, and over a daemon that was killed", async () => {
    const id = await rig.create({});
    const { say } = await claimed(id);
    const overAt = performance.now() + 1.5 * LEASE_MS;
    while (performance.now() < overAt) expect((await say("/heartbeat", { wait_ms: 100 })).status).toBe(200);
    await rig.again();
    expect((await say("/heartbeat", {})).body).toMatchObject({ cancel_requested: false });
    expect((await rig.run(id)).attempt).toBe(1);
    expect((await say("/finish", { status: "completed" })).status).toBe(200);
  });

  test("can be handed back", async () => {
    const id = await rig.create({});
    const { say } = await claimed(id);
    expect((await say("/heartbeat", { release: true })).status).toBe(200);
    expect((await claimed(id, "next")).attempt).toBe(2);
    expect(said(await say("/finish", { status: "completed" }))).toEqual([409, "stale_attempt"]);
  });
});

describe("what a worker is told", () => {
  test("of a cancel: at once where it waits for word, else with its next heartbeat", async () => {
    const id = await rig.create({});
    const { say } = await claimed(id);
    const { body } = await say("/heartbeat", {});
    const waiting = say("/heartbeat", { seen: body["seen"], wait_ms: 10_000 });
    const canceled = await rig.delete(`/runs/${id}`);
    expect(canceled.body).toMatchObject({ ok: true, status: "canceled" });
    expect((await waiting).body["cancel_requested"]).toBe(true);
    expect((await say("/heartbeat", {})).body["cancel_requested"]).toBe(true);
    for (const [path, json] of [
      ["/checkpoints", { type: "t" }],
      ["/finish", { status: "completed" }],
    ] as const) {
      const reply = await say(path, json);
      expect([path, ...said(reply), reply.body["from"]]).toEqual([path, 409, "conflict", "canceled"]);
    }
    expect((await rig.run(id)).status).toBe("canceled");
  });

  test("of a pause, an approval", async () => {
    const plan = { steps: [{ id: "ask", approval: {} }] };
    const id = await rig.create({ external: true, plan });
    const { say } = await claimed(id);
    await rig.post(`/runs/${id}/pause`);
    expect((await say("/heartbeat", {})).body).toMatchObject({ paused: true, cancel_requested: false });
    await rig.post(`/runs/${id}/resume`);
    const change = { step: "ask", event: "wait", waiting: { kind: "approval", summary: "go?", since: Date.now(), contentHash: "h" } };
    expect((await say("/report", { changes: [change] })).status).toBe(200);
    expect((await rig.run(id)).waiting?.step).toBe("ask");
    await rig.post(`/runs/${id}/approvals`, { decision: "approve" });
    const { body } = await say("/heartbeat", { seen: 0 });
    expect(JSON.stringify(body["steps"])).toContain('"approve"');
  });
});

test("a run with a timeout ends at it, whoever holds it", async () => {
  const id = await rig.create({ timeout_ms: 200 });
  const { say } = await claimed(id);
  const run = await rig.ended(id);
  expect([run.status, run.error?.code]).toEqual(["failed", "timeout"]);
  expect(said(await say("/checkpoints", { type: "t" }))).toEqual([409, "conflict"]);
});

test("a report is one transaction, and is recorded once", async () => {
  const id = await rig.create({ external: true, plan: { steps: [sh("a", "true")] } });
  const { say } = await claimed(id);
  const report = { n: 1, changes: [{ step: "a", event: "begin" }], checkpoints: [{ type: "t", step: "a", data: 1 }] };
  expect((await say("/report", report)).body["checkpoint_ids"]).toHaveLength(1);
  expect((await say("/report", report)).body["checkpoint_ids"]).toEqual([]);
  const broken = { n: 2, checkpoints: [{ type: "u" }], changes: [{ step: "a", event: "skip" }] };
  expect((await say("/report", broken)).status).toBe(409);
  expect((await say("/report", { n: 3, changes: [{ step: "nobody", event: "begin" }] })).status).toBe(400);
  const { body } = await rig.get(`/runs/${id}/checkpoints`);
  expect(body["checkpoints"]).toHaveLength(1);
  expect((await rig.get(`/runs/${id}/steps/a/checkpoint`)).body).toEqual({ data: 1 });
});

test("lines of a worker are the run's log", async () => {
  const id = await rig.create({});
  const { say } = await claimed(id);
  const lines = [{ at: Date.now(), step: "s", attempt: 1, source: "stdout", message: "from \u001b[31mafar" }];
  expect((await say("/logs", { lines })).status).toBe(200);
  expect((await say("/logs", { lines: [{ ...lines[0], source: "mars" }] })).status).toBe(400);
  await say("/finish", { status: "completed" });
  const text = await until("the line", async () => (await rig.get(`/runs/${id}/logs`)).text);
  expect(JSON.parse(text)).toMatchObject({ step: "s", source: "stdout", message: "from \u001b[31mafar" });
});
