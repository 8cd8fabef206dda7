import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Audit } from "../kernel/audit.ts";
import { systemClock } from "../kernel/clock.ts";
import { Journal } from "../kernel/journal.ts";
import type { RunDetail } from "../repair/view.ts";
import { FakeDaemon, problem, runMain, runView } from "./daemon.fake.ts";
import { ID, repairDetail, repairSummary } from "./repair-views.fake.ts";

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

const RUNS = "/orchestrator/runs";
const ONE = `${RUNS}/${ID}`;

function fake(answers: ConstructorParameters<typeof FakeDaemon>[0]): FakeDaemon {
  const daemon = new FakeDaemon(answers);
  daemons.push(daemon);
  return daemon;
}

describe("approve of a repair", () => {
  const waits = (run: Partial<RunDetail> = {}) => ({
    [`GET /runs/${ID}`]: () => Response.json({ run: runView({ id: ID, kind: "repair", status: "running" }) }),
    [`GET ${ONE}`]: () => Response.json(repairDetail(run)),
    [`POST ${ONE}/approvals`]: () => Response.json(repairSummary({ status: "running" })),
  });
  const me = `uid:${process.getuid?.()}`;

  test("shows the patch and decides exactly that plan", async () => {
    const daemon = fake(waits());
    const { code, out, err } = await daemon.run(["approve", ID, "--role", "owner", "--comment", "seen"]);
    expect({ code, err }).toEqual({ code: 0, err: `repair ${ID} is approved and goes on; watch it: orco repair watch ${ID}\n` });
    for (const line of ["  asked for by alice: fix it", "    +PyYAML", "    because api is protected", `  plan: sha256 ${"f".repeat(64)}`])
      expect(out.split("\n")).toContain(line);
    const body = { approver: { id: me, role: "owner" }, decision: "approve", comment: "seen", plan_hash: "f".repeat(64) };
    expect(daemon.asked.at(-1)?.body).toEqual(body);
  });

  test("rejects, as somebody else, with the token of a file or of the environment", async () => {
    const daemon = fake(waits());
    writeFileSync(join(daemon.home, "token"), "of-a-file\n");
    const { code, err } = await daemon.run(["approve", ID, "--reject", "--as", "bob", "--token-file", "token"]);
    expect([code, err]).toEqual([0, `repair ${ID} is rejected; see it: orco repair show ${ID}\n`]);
    expect(daemon.asked.at(-1)?.body).toMatchObject({ approver: { id: "bob" }, decision: "reject", token: "of-a-file" });
    await daemon.run(["approve", ID, "--json"], { env: { ORCO_APPROVAL_TOKEN: "of-the-environment" } });
    expect(daemon.asked.at(-1)?.body).toMatchObject({ approver: { id: me }, token: "of-the-environment" });
  });

  test("exits 5 when nothing waits or something else does, 1 when it is not theirs to decide, 2 without the token's file", async () => {
    const decided = repairDetail().approval;
    const late = fake(waits({ status: "running", approval: { ...decided, status: "granted" } }));
    expect(await late.run(["approve", ID])).toMatchObject({
      code: 5,
      err: expect.stringContaining("waits for no approval: its status is running"),
    });
    expect(late.asked.some(({ method }) => method === "POST")).toBe(false);
    for (const [code, exit] of [
      ["approval_void", 5],
      ["approval_denied", 1],
    ] as const) {
      const refuses = fake({ ...waits(), [`POST ${ONE}/approvals`]: () => problem(409, { code, detail: "no" }) });
      expect(await refuses.run(["approve", ID, "-q"])).toEqual({ code: exit, out: "", err: "orco: no\n" });
    }
    expect((await late.run(["approve", ID, "--token-file", "gone"])).code).toBe(2);
    const wantsToken = fake({
      ...waits(),
      [`POST ${ONE}/approvals`]: () => problem(403, { code: "approval_denied", detail: "send the token" }),
    });
    expect((await wantsToken.run(["approve", ID, "-q"])).err).toContain("--token-file FILE or ORCO_APPROVAL_TOKEN");
  });
});

test.each([
  ["an empty approver", ["--as", ""], "--as is empty: say who decides, such as --as alice, or leave it out"],
  ["one of spaces", ["--as", "  "], "--as is empty"],
  ["an empty role", ["--role", ""], "--role is empty: say who decides, such as --role owner, or leave it out"],
  ["one that is too long", ["--as", "a".repeat(201)], "--as takes 200 characters at most"],
  ["one that cannot be seen", ["--as", "bo\u200bb"], '--as holds characters that cannot be seen: "bob" without them'],
])("%s is a usage error, before anything is asked", async (_name, args, says) => {
  const daemon = fake({});
  const { code, out, err } = await daemon.run(["approve", ID, ...args]);
  expect({ code, out, says: err.includes(says) || err, asked: daemon.asked.length }).toEqual({ code: 2, out: "", says: true, asked: 0 });
});

describe("audit", () => {
  const record = {
    seq: 2,
    at: "2026-01-01T00:00:00.000Z",
    actor: "bob",
    action: "repair.approved",
    subject: "run/1",
    facts: { n: 1 },
    prev: "0",
    hash: "1",
  };

  test("lists who did what", async () => {
    const daemon = fake({ "GET /audit": () => Response.json({ records: [record] }) });
    const { code, out } = await daemon.run(["audit", "list", "-n", "1"]);
    expect([code, out.split("\n")[1]]).toEqual([0, '2  2026-01-01 00:00:00  bob  repair.approved  run/1  {"n":1}']);
    expect(daemon.asked.at(-1)?.query).toEqual({ limit: "1" });
    expect((await daemon.run(["audit", "--json"])).out).toBe(`${JSON.stringify({ records: [record] })}\n`);
  });

  test("verify says what the daemon found, and exits 1 when the chain is broken", async () => {
    const whole = { ok: true, records: 3, head: "abc" };
    const daemon = fake({ "GET /audit/verify": () => Response.json(whole) });
    expect(await daemon.run(["audit", "verify"])).toMatchObject({
      code: 0,
      out: "3 records, each as it was written, none missing\nhead abc\n",
    });
    const broken = { ok: false, seq: 2, reason: "record 2 was changed" };
    const other = fake({ "GET /audit/verify": () => Response.json(broken) });
    expect(await other.run(["audit", "verify"])).toEqual({ code: 1, out: "", err: "orco: record 2 was changed\n" });
    expect(await other.run(["audit", "verify", "--json"])).toMatchObject({ code: 1, out: `${JSON.stringify(broken)}\n` });
  });

  test("verify --db reads a file without a daemon", async () => {
    const { home } = fake({});
    const path = join(home, "a.db");
    const journal = Journal.open({ path, clock: systemClock() });
    const log = new Audit(journal);
    for (const actor of ["ann", "bob"]) await log.append({ at: 1, actor, action: "repair.approved", subject: "run/1", facts: {} });
    journal.close();
    const verify = () => runMain(["audit", "verify", "--db", "a.db", "--json"], { cwd: home, env: { ORCO_HOME: join(home, "none") } });
    expect(JSON.parse((await verify()).out)).toMatchObject({ ok: true, records: 2 });
    const db = new Database(path);
    db.run("UPDATE events SET data = replace(data, 'ann', 'eve') WHERE topic = 'audit'");
    db.close();
    const { code, out } = await verify();
    expect([code, JSON.parse(out)]).toMatchObject([1, { ok: false, seq: 1 }]);
    const gone = await runMain(["audit", "verify", "--db", "gone.db"], { cwd: home, env: { ORCO_HOME: home } });
    expect([gone.code, gone.err]).toEqual([4, expect.stringContaining("gone.db")]);
  });
});

test("repairs are a table, newest first, of a status and a service", async () => {
  const daemon = fake({
    [`GET ${RUNS}`]: () =>
      Response.json({
        runs: [repairSummary({ completed_at: "2026-01-01T00:00:02.000Z", error: { code: "x", message: "no\u001b[2J\nlog" } })],
      }),
  });
  const { code, out } = await daemon.run(["repairs", "--status", "failed", "--service", "api", "-n", "3"]);
  expect([code, out.split("\n")[0]]).toEqual([
    0,
    "REPAIR                                SERVICE   STATUS             AT                   TOOK  ABOUT",
  ]);
  expect(out).toMatch(/ no\n$/);
  expect(daemon.asked.at(-1)?.query).toEqual({ status: "failed", service: "api", limit: "3" });
  expect((await daemon.run(["repairs", "-n", "0"])).code).toBe(2);
  expect(await fake({ [`GET ${RUNS}`]: () => Response.json({ runs: [] }) }).run(["repairs"])).toMatchObject({
    code: 0,
    out: "",
    err: expect.stringContaining("there is none"),
  });
});

test("repairs of a filter are looked for page after page, until there are enough or no more", async () => {
  const pages: Record<string, object> = {
    "": { runs: [], next_cursor: "two" },
    two: { runs: [repairSummary({ run_id: "1" })], next_cursor: "three" },
    three: { runs: [repairSummary({ run_id: "2" })], next_cursor: "four" },
    four: { runs: [repairSummary({ run_id: "3" })] },
  };
  const daemon = fake({ [`GET ${RUNS}`]: ({ url }) => Response.json(pages[new URL(url).searchParams.get("cursor") ?? ""]) });
  const ids = async (n: string): Promise<unknown> => {
    const { runs, next_cursor } = JSON.parse((await daemon.run(["repairs", "--status", "failed", "-n", n, "--json"])).out);
    return [runs.map(({ run_id: id }: { run_id: string }) => id), next_cursor];
  };
  expect(await ids("2")).toEqual([["1", "2"], "four"]);
  expect(daemon.asked.at(-1)?.query).toEqual({ status: "failed", limit: "1", cursor: "three" });
  expect(await ids("9")).toEqual([["1", "2", "3"], undefined]);
});

test("projects are added as they are meant from here, listed and forgotten", async () => {
  const path = "/orchestrator/projects";
  const services = [{ name: "api", protected: true, buildable: true, repair: "off" }];
  const project = {
    name: "shop",
    workspace: "/srv/shop",
    compose_file: "/srv/shop/compose.yaml",
    configured: false,
    services,
    warnings: ["this holds for none"],
    error: null,
  };
  const daemon = fake({
    [`POST ${path}`]: () => Response.json(project, { status: 201 }),
    [`GET ${path}`]: () =>
      Response.json({ projects: [project, { ...project, name: "wiki", services: [], warnings: [], error: "no compose file" }] }),
    [`DELETE ${path}`]: () => new Response(null, { status: 204 }),
  });
  mkdirSync(join(daemon.home, "shop"));
  expect(await daemon.run(["repair", "add", "shop"])).toMatchObject({
    code: 0,
    err: "project shop of /srv/shop may be repaired: api\nshop: this holds for none\n",
  });
  expect(daemon.asked.at(-1)?.body).toEqual({ workspace: join(daemon.home, "shop") });
  expect((await daemon.run(["repair", "projects"])).out).toBe(
    "PROJECT  SERVICE  BUILDS  PROTECTED  REPAIR  FOLDER\nshop     api      yes     yes        off     /srv/shop\nwiki     -        -       -          -       /srv/shop: no compose file\n",
  );
  expect((await daemon.run(["repair", "remove", "/srv/shop"])).code).toBe(0);
  expect(daemon.asked.at(-1)).toMatchObject({ method: "DELETE", query: { workspace: "/srv/shop" } });
});
