import { afterEach, describe, expect, test } from "bun:test";
import { Client } from "../client/client.ts";
import { type ErrorCode, OrcoError } from "../kernel/errors.ts";
import { ANSWERS } from "./answers.ts";
import { keyCheck } from "./key.ts";
import { PLAN } from "./repair.fake.ts";
import { codeOf, documented, KEY, RepairSite, RUNS } from "./repair-site.fake.ts";

const BODY = { instruction: "fix it", target_service: "api" };
let site: RepairSite;
afterEach(() => site.server.dispose());
const start = (): RepairSite => (site = new RepairSite());

describe("a repair", () => {
  test("is admitted with what was asked, in names of either case", async () => {
    const { repairs } = start();
    const response = await site.post(RUNS, {
      instruction: "  fix it \n",
      targetService: "shop/api",
      dryRun: true,
      priority: "high",
      logs: "boom",
      plan: { steps: PLAN.steps },
      requestedBy: { id: "alice", role: "dev" },
    });
    const run = await documented<{ run_id: string }>(response, ANSWERS.RunSummary);
    expect([response.status, response.headers.get("location")]).toEqual([202, `${RUNS}/${run.run_id}`]);
    expect(repairs.calls).toEqual([
      {
        of: "create",
        with: {
          instruction: "fix it",
          targetService: "shop/api",
          dryRun: true,
          priority: "high",
          logs: "boom",
          plan: { steps: PLAN.steps },
          requestedBy: { id: "alice", role: "dev" },
          id: run.run_id,
        },
      },
    ]);
  });

  test("is of who asks where nobody is named: the key, or the user of the socket", async () => {
    const { repairs } = start();
    expect((await site.post(RUNS, BODY)).status).toBe(202);
    await new Client({ socket: site.server.socket }).repair.create(BODY);
    const key = keyCheck(KEY).check({ apiKey: KEY });
    expect(repairs.calls.map((call) => (call.with as { requestedBy: unknown }).requestedBy)).toEqual([
      { id: `key:${key}` },
      { id: `uid:${process.getuid?.()}` },
    ]);
  });

  test("is made once under one Idempotency-Key, with the id that was kept for it", async () => {
    const { repairs } = start();
    const headers = { "idempotency-key": "k1" };
    const first = (await (await site.post(RUNS, BODY, headers)).json()) as { run_id: string };
    const again = await site.post(RUNS, BODY, headers);
    expect([again.status, again.headers.get("idempotency-replayed"), await again.json()]).toEqual([202, "true", first]);
    expect(repairs.calls.length).toBe(1);
    expect((await site.post(RUNS, { ...BODY, priority: "high" }, headers)).status).toBe(422);
  });

  test("may bring the logs of a long build, up to 8 MiB in all", async () => {
    start();
    expect((await site.post(RUNS, { ...BODY, logs: "x".repeat(5_000_000) })).status).toBe(202);
    expect(await codeOf(await site.post(RUNS, { ...BODY, logs: "x".repeat(8_400_000) }))).toEqual({ status: 413, code: "too_large" });
  });

  test.each([
    ["no instruction", { target_service: "api" }, "invalid_instruction"],
    ["an empty one", { ...BODY, instruction: " \n\t" }, "invalid_instruction"],
    ["one that is no text", { ...BODY, instruction: 7 }, "invalid_instruction"],
    ["one of 4,001 characters", { ...BODY, instruction: "ü".repeat(4001) }, "invalid_instruction"],
    ["no service", { instruction: "fix it" }, "invalid"],
    ["an unknown field", { ...BODY, dryrun: true }, "invalid"],
    ["one field in both cases", { ...BODY, targetService: "db" }, "invalid"],
    ["an unknown priority", { ...BODY, priority: "urgent" }, "invalid"],
    ["a requester who cannot be seen whole", { ...BODY, requested_by: { id: "\u001b[31mbob" } }, "invalid"],
    ["a requester without an id", { ...BODY, requested_by: { role: "dev" } }, "invalid"],
    ["a list", [BODY], "invalid"],
    ["no JSON", "{", "invalid"],
  ])("is refused with %s", async (_name, body, code) => {
    const { repairs } = start();
    expect(await codeOf(await site.post(RUNS, body))).toEqual({ status: 400, code });
    expect(repairs.calls).toEqual([]);
  });

  test("takes an instruction of 4,000 characters, however many bytes they are", async () => {
    start();
    expect((await site.post(RUNS, { ...BODY, instruction: "🔧".repeat(4000) })).status).toBe(202);
  });

  test("is refused without a body, and with one of another type", async () => {
    start();
    expect(await codeOf(await site.ask(RUNS, { method: "POST" }))).toEqual({ status: 400, code: "invalid" });
    const yaml = { "content-type": "application/yaml" };
    expect(await codeOf(await site.post(RUNS, "instruction: x", yaml))).toEqual({ status: 415, code: "unsupported_media_type" });
    expect(await codeOf(await site.ask(RUNS, { method: "PATCH" }))).toEqual({ status: 405, code: "method_not_allowed" });
  });

  test.each([
    ["unknown_service", 400],
    ["ambiguous_service", 400],
    ["docker_unavailable", 503],
    ["compose_invalid", 422],
    ["compose_refused", 422],
    ["self_repair", 403],
    ["patch_refused", 422],
  ] satisfies [ErrorCode, number][])("that the daemon refuses as %s is a %i", async (code, status) => {
    const { repairs } = start();
    repairs.refusal = new OrcoError(code, "no", { services: ["db"] });
    const response = await site.post(RUNS, BODY);
    expect({ status: response.status, ...((await response.json()) as object) }).toMatchObject({ status, code, services: ["db"] });
  });

  test("is shown with all that is known of it; one that is not there is a 404 on every path", async () => {
    const { repairs } = start();
    const run = repairs.save({});
    expect(await documented(await site.ask(`${RUNS}/${run.run_id}`), ANSWERS.RunDetail)).toEqual(run);
    const bare = repairs.save({
      finding: null,
      action_plan: null,
      plan_hash: null,
      published: null,
      artifacts: [],
      error: { code: "no_known_cause", message: "m" },
    });
    expect(await documented(await site.ask(`${RUNS}/${bare.run_id}`), ANSWERS.RunDetail)).toEqual(bare);
    const gone = `${RUNS}/01a20038-0000-701b-9da7-d87171687a66`;
    const none = { status: 404, code: "not_found" };
    for (const path of ["", "/artifacts", "/artifacts/plan.json", "/events"])
      expect(await codeOf(await site.ask(gone + path))).toEqual(none);
    expect(await codeOf(await site.ask(gone, { method: "DELETE" }))).toEqual(none);
    expect(await codeOf(await site.post(`${gone}/retry`, {}))).toEqual(none);
    expect(await codeOf(await site.post(`${gone}/approvals`, { approver: { id: "bob" }, decision: "approve" }))).toEqual(none);
  });
});

test("a list comes in pages, with filters that its cursor is bound to", async () => {
  const { repairs } = start();
  const ids = [repairs.save({}), repairs.save({ status: "failed" }), repairs.save({ target_service: "db" }), repairs.save({})].map(
    ({ run_id: id }) => id,
  );
  const first = await site.ask(`${RUNS}?service=api&limit=1`);
  const page = await documented<{ runs: { run_id: string }[]; next_cursor: string }>(first, ANSWERS.RepairList);
  expect(page.runs.map(({ run_id: id }) => id)).toEqual([ids[3] ?? ""]);
  const [, next] = /^<(.+)>; rel="next"$/.exec(first.headers.get("link") ?? "") ?? [];
  const second = (await (await site.ask(next ?? "")).json()) as { runs: { run_id: string }[] };
  expect(second.runs.map(({ run_id: id }) => id)).toEqual([ids[1] ?? ""]);
  const failed = await documented<object>(await site.ask(`${RUNS}?status=failed`), ANSWERS.RepairList);
  expect(failed).toEqual({ runs: [expect.objectContaining({ run_id: ids[1], status: "failed" })] });
  for (const query of [
    `status=failed&cursor=${page.next_cursor}`,
    "cursor=nonsense",
    "status=done",
    "limit=0",
    "limit=501",
    "state=failed",
    "status=failed&status=queued",
  ])
    expect({ query, ...(await codeOf(await site.ask(`${RUNS}?${query}`))) }).toEqual({ query, status: 400, code: "invalid" });
});
