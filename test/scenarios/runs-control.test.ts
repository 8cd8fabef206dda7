import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { type Fields, type Reply, runsRig, sh, stepOf, TIME } from "./runs-rig.ts";

const rig = runsRig();

function said({ status, body }: Reply): unknown[] {
  return [status, body["code"], body["from"], body["to"]];
}

const ended: readonly (readonly [string, () => Promise<string>])[] = [
  ["completed", () => rig.plan([sh("a", "true")])],
  ["failed", () => rig.plan([sh("a", "false")])],
];

describe("cancel", () => {
  test("of what has not begun: at once, twice, and never anything else after", async () => {
    const id = await rig.create({});
    for (let n = 0; n < 2; n++) expect((await rig.delete(`/runs/${id}`)).body).toMatchObject({ ok: true, status: "canceled" });
    expect((await rig.post(`/runs/${id}/cancel`)).body).toMatchObject({ ok: true, status: "canceled" });
    for (const [path, to] of [
      ["/pause", "paused"],
      ["/resume", "running"],
    ] as const)
      expect(said(await rig.post(`/runs/${id}${path}`))).toEqual([409, "conflict", "canceled", to]);
    expect(said(await rig.post(`/runs/${id}/claim`, { worker: "w" }))).toEqual([409, "conflict", "canceled", "running"]);
  });

  test("of what has ended: 409 with from and to", async () => {
    for (const [status, make] of ended) {
      const id = await make();
      await rig.ended(id);
      expect(said(await rig.delete(`/runs/${id}`))).toEqual([409, "conflict", status, "canceled"]);
      expect(said(await rig.delete(`/runs/${id}?force=true`))).toEqual([409, "conflict", status, "canceled"]);
      expect(said(await rig.post(`/runs/${id}/pause`))).toEqual([409, "conflict", status, "paused"]);
      expect((await rig.run(id)).status).toBe(status);
    }
  });

  test("is SIGTERM to the tree, time to clean up, and answers when all is over", async () => {
    const file = join(rig.dir, "cleaned");
    const script = `trap 'echo cleaned > ${file}; exit 0' TERM; touch ${file}.up; while :; do sleep 0.02; done`;
    const id = await rig.plan([sh("a", script), sh("b", "true", { needs: ["a"] }), sh("c", "touch x", { needs: ["a"], when: "always" })]);
    await until("the trap", () => existsSync(`${file}.up`));
    const { body } = await rig.delete(`/runs/${id}`);
    expect(body).toMatchObject({ ok: true, status: "canceled" });
    expect(readFileSync(file, "utf8")).toBe("cleaned\n");
    const run = await rig.run(id);
    expect(run.status).toBe("canceled");
    expect(run.steps.map(({ id: step, status }) => [step, status])).toEqual([
      ["a", "canceled"],
      ["b", "canceled"],
      ["c", "canceled"],
    ]);
  });

  test("kills after grace_ms what does not listen; force does so at once; meanwhile the step is cancelling", async () => {
    const deaf = (name: string) =>
      `trap '' TERM; sh -c 'trap "" TERM; sleep 300' & echo $! > ${join(rig.dir, name)}; touch ${join(rig.dir, name)}.up; while :; do sleep 0.02; done`;
    const gone = (name: string) => !isAlive(readStat(Number(readFileSync(join(rig.dir, name), "utf8"))));
    const up = (name: string) => until(name, () => existsSync(join(rig.dir, `${name}.up`)));
    const short = await rig.plan([sh("a", deaf("short"), { grace_ms: 300 })]);
    await up("short");
    const began = performance.now();
    expect((await rig.delete(`/runs/${short}`)).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(gone("short")).toBe(true);
    expect(stepOf(await rig.run(short), "a").message).toBe("canceled: did not end within 300ms of SIGTERM and was killed");
    const long = await rig.plan([sh("a", deaf("long"), { grace_ms: 60_000 })]);
    await up("long");
    const polite = rig.delete(`/runs/${long}`);
    const cancelling = await rig.stepWhen(long, "a", "cancelling");
    expect(cancelling.status).toBe("running");
    const forced = await rig.delete(`/runs/${long}?force=true`);
    expect([forced.body["status"], (await polite).body["status"]]).toEqual(["canceled", "canceled"]);
    expect(gone("long")).toBe(true);
  });

  test("of a paused run, and while the daemon is killed", async () => {
    const deafNow = join(rig.dir, "deaf-now");
    const id = await rig.plan([sh("a", `trap '' TERM; touch ${deafNow}; while :; do sleep 0.02; done`, { grace_ms: 6000 })]);
    await until("it to be deaf", () => existsSync(deafNow), 20_000);
    await rig.post(`/runs/${id}/pause`);
    void rig.delete(`/runs/${id}`).catch(() => undefined);
    await rig.stepWhen(id, "a", "cancelling");
    await rig.again();
    expect((await rig.ended(id)).status).toBe("canceled");
  });
});

describe("pause and resume", () => {
  test("begin no more steps, let those under way end, and go on", async () => {
    const go = join(rig.dir, "go");
    const id = await rig.plan([sh("a", `while [ ! -e ${go} ]; do sleep 0.02; done`), sh("b", "true", { needs: ["a"] })]);
    await rig.stepWhen(id, "a", "running");
    for (let n = 0; n < 2; n++) expect((await rig.post(`/runs/${id}/pause`)).body).toMatchObject({ ok: true, status: "paused" });
    await Bun.write(go, "");
    const still = await rig.stepWhen(id, "a", "completed");
    expect([still.status, stepOf(still, "b").status]).toEqual(["paused", "pending"]);
    await rig.again();
    expect((await rig.run(id)).status).toBe("paused");
    expect((await rig.post(`/runs/${id}/resume`)).body).toMatchObject({ ok: true, status: "running" });
    expect((await rig.ended(id)).status).toBe("completed");
  });

  test("of what waits to begin", async () => {
    const id = await rig.create({});
    expect((await rig.post(`/runs/${id}/pause`)).body["status"]).toBe("paused");
    expect((await rig.post(`/runs/${id}/claim`, { worker: "w" })).status).toBe(409);
    expect((await rig.post(`/runs/${id}/resume`)).body["status"]).toBe("pending");
    expect((await rig.post(`/runs/${id}/claim`, { worker: "w" })).status).toBe(200);
  });
});

describe("retry", () => {
  const ledger = (name: string): string => join(rig.dir, name);
  const counted = (name: string, id: string, more: Fields = {}, rest = "true"): Fields =>
    sh(id, `echo ${id} >> ${ledger(name)}; ${rest}`, more);
  const lines = (name: string): string[] => readFileSync(ledger(name), "utf8").trim().split("\n");

  test("is a new run that takes over what was completed", async () => {
    const steps = [
      counted("r1", "a", {}, `echo '{"type":"output","data":{"k":"v"}}'`),
      counted("r1", "b", { needs: ["a"] }, `[ -e ${ledger("r1")}.ok ]`),
      counted("r1", "c", { needs: ["b"] }, "echo ${steps.a.outputs.k}"),
    ];
    const first = await rig.plan(steps, { name: "again", metadata: { m: 1 }, input: { i: 1 }, priority: 5 });
    expect((await rig.ended(first)).status).toBe("failed");
    await Bun.write(`${ledger("r1")}.ok`, "");
    const { status, body, headers } = await rig.post(`/runs/${first}/retry`);
    const second = String(body["runId"]);
    expect([status, body["retry_of"], headers.get("location")]).toEqual([201, first, `/runs/${second}`]);
    expect(second).not.toBe(first);
    const run = await rig.ended(second);
    expect(run).toMatchObject({ status: "completed", retry_of: first, name: "again", metadata: { m: 1 }, priority: 5 });
    expect(stepOf(run, "a")).toMatchObject({ status: "completed", reused: true, outputs: { k: "v" } });
    expect(lines("r1")).toEqual(["a", "b", "b", "c"]);
    expect((await rig.run(first)).status).toBe("failed");
    const again = await rig.post(`/runs/${second}/retry`, { from_step: "b" });
    await rig.ended(String(again.body["runId"]));
    expect(lines("r1")).toEqual(["a", "b", "b", "c", "b", "c"]);
  });

  test("refuses what is under way and what is no step", async () => {
    const id = await rig.plan([{ id: "w", wait_for: "x" }]);
    expect(said(await rig.post(`/runs/${id}/retry`)).slice(0, 2)).toEqual([409, "conflict"]);
    await rig.delete(`/runs/${id}`);
    const reply = await rig.post(`/runs/${id}/retry`, { from_step: "nobody" });
    expect([reply.status, reply.body["code"]]).toEqual([400, "invalid"]);
    expect((await rig.post(`/runs/${id}/retry`, { from_step: 1 })).status).toBe(400);
    expect((await rig.post(`/runs/${id}/retry`, {})).status).toBe(201);
  });
});

describe("signals", () => {
  test("answer a step that waits, and one that will", async () => {
    const id = await rig.plan([
      { id: "now", wait_for: "first" },
      { id: "then", waitFor: { signal: "second" }, needs: ["now"] },
      sh("say", "echo ${steps.then.outputs.data.x}", { needs: ["then"] }),
    ]);
    await rig.stepWhen(id, "now", "waiting");
    expect((await rig.post(`/runs/${id}/signals/second`, { data: { x: "early" } })).body["ok"]).toBe(true);
    expect((await rig.post(`/runs/${id}/signals/nobody-asked`, {})).status).toBe(200);
    expect((await rig.post(`/runs/${id}/signals/second`, { data: { x: "early" } })).status).toBe(200);
    expect(said(await rig.post(`/runs/${id}/signals/second`, { data: { x: "other" } })).slice(0, 2)).toEqual([409, "conflict"]);
    expect((await rig.post(`/runs/${id}/signals/first`, { data: null })).status).toBe(200);
    const run = await rig.ended(id);
    expect(run.status).toBe("completed");
    expect(stepOf(run, "now").outputs).toEqual({ data: null });
    expect((await rig.get(`/runs/${id}/logs?step=say`)).text).toContain('"early"');
    expect(said(await rig.post(`/runs/${id}/signals/first`, { data: 2 })).slice(0, 3)).toEqual([409, "conflict", "completed"]);
  });

  test("have bounds", async () => {
    const id = await rig.plan([{ id: "w", wait_for: "x" }]);
    expect((await rig.post(`/runs/${id}/signals/x`, { data: "y".repeat(257 * 1024) })).status).toBe(413);
    expect((await rig.post(`/runs/${id}/signals/${"x".repeat(201)}`, {})).status).toBe(400);
    expect((await rig.post(`/runs/${id}/signals/x`, { date: 1 })).status).toBe(400);
    await rig.delete(`/runs/${id}`);
  });

  test("that never come end by timeout_ms", async () => {
    const { run, step } = await rig.through([{ id: "w", wait_for: "x", timeout_ms: 100 }]);
    expect([run.status, step("w").error?.code]).toEqual(["failed", "timeout"]);
  });
});

describe("approvals", () => {
  const decide = (id: string, body: Fields) => rig.post(`/runs/${id}/approvals`, body);
  const of = (reply: Reply) => [reply.status, reply.body["code"]];

  test("of roles, bound to content, once", async () => {
    const approval = { roles: ["lead"], summary: "ship ${input.what}?", content: { what: "${input.what}", n: 1 } };
    const id = await rig.plan([{ id: "ok", approval }, sh("ship", "true", { needs: ["ok"] })], { input: { what: "v2" } });
    const { waiting } = await rig.stepWhen(id, "ok", "waiting");
    expect(waiting).toMatchObject({ step: "ok", kind: "approval", summary: "ship v2?", content: { what: "v2", n: 1 }, roles: ["lead"] });
    expect(of(await decide(id, { decision: "approve" }))).toEqual([403, "forbidden"]);
    expect(of(await decide(id, { decision: "approve", approver: { id: "x", role: "intern" } }))).toEqual([403, "forbidden"]);
    const approver = { id: "ann", role: "lead" };
    expect(of(await decide(id, { decision: "approve", approver, content_hash: "0".repeat(64) }))).toEqual([409, "approval_void"]);
    expect(of(await decide(id, { decision: "approve", approver, step: "ship" }))).toEqual([409, "approval_not_applicable"]);
    expect((await decide(id, { decision: "maybe", approver })).status).toBe(400);
    expect((await decide(id, {})).status).toBe(400);
    const hash = waiting?.content_hash ?? "";
    const both = await Promise.all([1, 2].map(() => decide(id, { decision: "approve", approver, content_hash: hash, comment: "go" })));
    expect(both.map(({ status }) => String(status)).toSorted()).toEqual(["200", "409"]);
    const run = await rig.ended(id);
    expect(run.status).toBe("completed");
    expect(stepOf(run, "ok").outputs).toMatchObject({ decision: "approve", approver, comment: "go", at: expect.stringMatching(TIME) });
    expect(of(await decide(id, { decision: "approve", approver }))).toEqual([409, "approval_not_applicable"]);
  });

  test("that are rejected or expire fail the step; several wait by name", async () => {
    const id = await rig.plan([
      { id: "a", approval: {} },
      { id: "b", approval: {} },
      { id: "c", approval: { expires_ms: 50 } },
    ]);
    await rig.stepWhen(id, "c", "failed");
    await rig.stepWhen(id, "b", "waiting");
    expect(of(await decide(id, { decision: "reject" }))).toEqual([400, "invalid"]);
    expect((await decide(id, { decision: "reject", step: "a", comment: "no" })).status).toBe(200);
    expect((await decide(id, { decision: "approve", step: "b" })).status).toBe(200);
    const run = await rig.ended(id);
    expect(run.steps.map(({ status, error }) => [status, error?.code])).toEqual([
      ["failed", "approval_denied"],
      ["completed", undefined],
      ["failed", "approval_denied"],
    ]);
  });
});
