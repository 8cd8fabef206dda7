import { afterEach, describe, expect, test } from "bun:test";
import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import { ANSWERS } from "./answers.ts";
import { DIFF } from "./repair.fake.ts";
import { codeOf, documented, RepairSite, RUNS } from "./repair-site.fake.ts";

let site: RepairSite;
afterEach(() => site.server.dispose());
const start = (): RepairSite => (site = new RepairSite());

describe("artifacts", () => {
  test("are listed, and one is text with its hash as ETag", async () => {
    const { run_id: id, artifacts } = start().repairs.save({});
    expect(await documented(await site.ask(`${RUNS}/${id}/artifacts`), ANSWERS.RepairArtifactList)).toEqual({ artifacts });
    const path = `${RUNS}/${id}/artifacts/patch.diff`;
    const response = await site.ask(path);
    const etag = `"${artifacts[0]?.sha256}"`;
    expect({ ...Object.fromEntries(response.headers), text: await response.text() }).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(DIFF.length),
      "content-disposition": 'attachment; filename="patch.diff"',
      "x-content-type-options": "nosniff",
      etag,
      text: DIFF,
    });
    const known = await site.ask(path, { headers: { "if-none-match": `"other", W/${etag}` } });
    expect([known.status, known.headers.get("etag"), await known.text()]).toEqual([304, etag, ""]);
    expect((await site.ask(path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    const head = await site.ask(path, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, String(DIFF.length), ""]);
  });

  test("of other names are not there, whatever the name", async () => {
    const { run_id: id } = start().repairs.save({});
    for (const name of ["plan.json", "..%2f..%2fplan.json", "%2e%2e", "patch.diff%00", ".patch.diff", "x".repeat(200)])
      expect({ name, ...(await codeOf(await site.ask(`${RUNS}/${id}/artifacts/${name}`))) }).toEqual({
        name,
        status: 404,
        code: "not_found",
      });
  });
});

describe("an approval", () => {
  test("goes on with who gives it, for the plan that was looked at", async () => {
    const { repairs } = start();
    const { run_id: id, plan_hash: hash } = repairs.save({});
    const body = { approver: { id: "bob", role: "owner" }, decision: "approve", comment: "seen", token: "t0k3n", planHash: hash };
    const run = await documented(await site.post(`${RUNS}/${id}/approvals`, body), ANSWERS.RunSummary);
    expect(run).toMatchObject({ approval_status: "granted" });
    expect(repairs.calls).toEqual([{ of: "decide", with: { id, ...body } }]);
  });

  test.each([
    [{ decision: "approve" }],
    [{ approver: { role: "owner" }, decision: "approve" }],
    [{ approver: { id: "bob" } }],
    [{ approver: { id: "bob" }, decision: "maybe" }],
    [{ approver: { id: "bob" }, decision: "approve", plan_hash: "1234" }],
    [{ approver: { id: "bob" }, decision: "approve", step: "gate" }],
  ])("is refused as %p", async (body) => {
    const { repairs } = start();
    const { run_id: id } = repairs.save({});
    expect(await codeOf(await site.post(`${RUNS}/${id}/approvals`, body))).toEqual({ status: 400, code: "invalid" });
    expect(repairs.calls).toEqual([]);
  });

  test("by a name that holds what cannot be seen is refused, and the answer says where", async () => {
    const { repairs } = start();
    const { run_id: id } = repairs.save({});
    for (const [approver, pointer] of [
      [{ id: "b\u200bob" }, "/approver/id"],
      [{ id: "bob\0" }, "/approver/id"],
      [{ id: "bob", role: "\u001b[31mowner" }, "/approver/role"],
    ] as const) {
      const response = await site.post(`${RUNS}/${id}/approvals`, { approver, decision: "approve" });
      const errors = [{ pointer, detail: "must hold no characters that cannot be seen" }];
      expect([response.status, (await response.json()) as object]).toEqual([400, expect.objectContaining({ code: "invalid", errors })]);
    }
    expect(repairs.calls).toEqual([]);
  });

  test.each([
    ["approval_denied", 403],
    ["approval_void", 409],
    ["approval_not_applicable", 409],
  ] satisfies [ErrorCode, number][])("that is %s is a %i", async (code, status) => {
    const { repairs } = start();
    const { run_id: id } = repairs.save({});
    repairs.refusal = new OrcoError(code, "no");
    expect(await codeOf(await site.post(`${RUNS}/${id}/approvals`, { approver: { id: "bob" }, decision: "reject" }))).toEqual({
      status,
      code,
    });
  });
});

test("a retry is a new repair of who asks, from the step that is named; cancel answers when it has ended", async () => {
  const { repairs } = start();
  const { run_id: id } = repairs.save({ status: "failed" });
  const response = await site.post(`${RUNS}/${id}/retry`, { resumeFromStep: "build", reason: "docker is back" });
  const run = await documented<{ run_id: string }>(response, ANSWERS.RunSummary);
  expect([response.status, response.headers.get("location")]).toEqual([202, `${RUNS}/${run.run_id}`]);
  expect(run).toMatchObject({ retry_of: id, attempt: 2 });
  expect(repairs.calls.at(-1)).toMatchObject({ of: "retry", with: { id, from: "build", reason: "docker is back" } });
  expect((await site.ask(`${RUNS}/${id}/retry`, { method: "POST" })).status).toBe(202);
  expect(await codeOf(await site.post(`${RUNS}/${id}/retry`, { resume_from_step: "deploy" }))).toEqual({ status: 400, code: "invalid" });
  repairs.refusal = new OrcoError("conflict", "it is under way");
  expect(await codeOf(await site.post(`${RUNS}/${id}/retry`, {}))).toEqual({ status: 409, code: "conflict" });
  expect(await documented(await site.ask(`${RUNS}/${id}`, { method: "DELETE" }), ANSWERS.RunSummary)).toMatchObject({ status: "canceled" });
  repairs.refusal = new OrcoError("conflict", "it has ended");
  expect(await codeOf(await site.ask(`${RUNS}/${id}`, { method: "DELETE" }))).toEqual({ status: 409, code: "conflict" });
});

test("what failed in CI is repaired where that is wanted, else the answer says why not", async () => {
  const { repairs } = start();
  const path = "/orchestrator/triggers/ci";
  const made = await site.post(path, { targetService: "api", logs: "boom", url: "https://ci.example/1" });
  expect([made.status, made.headers.get("location")]).toEqual([202, expect.stringContaining(`${RUNS}/`)]);
  await documented(made, ANSWERS.RunSummary);
  expect(repairs.calls.at(-1)).toMatchObject({ of: "ciFailed", with: { targetService: "api", logs: "boom", url: "https://ci.example/1" } });
  const ignored = await site.post(path, { target_service: "wiki", logs: "boom" });
  expect([ignored.status, await documented<object>(ignored, ANSWERS.RepairIgnored)]).toEqual([
    200,
    { ignored: true, reason: expect.stringContaining("orco.repair.yaml") },
  ]);
  for (const body of [
    { target_service: "api" },
    { logs: "x" },
    { target_service: "api", logs: "" },
    { target_service: "api", logs: "x", url: "javascript:1" },
  ])
    expect(await codeOf(await site.post(path, body))).toEqual({ status: 400, code: "invalid" });
});

test("projects are listed, added and forgotten", async () => {
  start();
  const path = "/orchestrator/projects";
  const added = await site.post(path, { workspace: "/srv/wiki" });
  expect([added.status, await documented<object>(added, ANSWERS.Project)]).toEqual([
    201,
    expect.objectContaining({ workspace: "/srv/wiki" }),
  ]);
  const { projects } = await documented<{ projects: unknown[] }>(await site.ask(path), ANSWERS.ProjectList);
  expect(projects.length).toBe(2);
  const removed = await site.ask(`${path}?workspace=/srv/wiki`, { method: "DELETE" });
  expect([removed.status, await removed.text()]).toEqual([204, ""]);
  expect(await codeOf(await site.ask(`${path}?workspace=/srv/wiki`, { method: "DELETE" }))).toEqual({ status: 404, code: "not_found" });
  expect(await codeOf(await site.ask(path, { method: "DELETE" }))).toEqual({ status: 400, code: "invalid" });
  expect(await codeOf(await site.post(path, { workspace: "wiki" }))).toEqual({ status: 400, code: "invalid" });
});

test("the schema of a plan is served", async () => {
  start();
  const response = await site.ask("/schemas/action-plan.json");
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/schema+json"]);
  expect(await response.json()).toMatchObject({ title: "ActionPlan" });
});
