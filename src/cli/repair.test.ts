import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunDetail, RunSummary } from "../repair/view.ts";
import { FakeDaemon, problem, sse } from "./daemon.fake.ts";
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

const admits = (run: Partial<RunSummary> = {}) => ({ [`POST ${RUNS}`]: () => Response.json(repairSummary(run), { status: 202 }) });
const shows = (run: Partial<RunDetail>) => ({ [`GET ${ONE}`]: () => Response.json(repairDetail(run)) });

describe("repair <service> <instruction>", () => {
  test("prints the id and what to do next", async () => {
    const daemon = fake(admits());
    expect(await daemon.run(["repair", "api", "fix", "the missing dependency"])).toEqual({
      code: 0,
      out: `${ID}\n`,
      err: `watch it: orco repair watch ${ID}; what it finds: orco repair show ${ID}\n`,
    });
    expect(daemon.asked.at(-1)?.body).toEqual({ instruction: "fix the missing dependency", target_service: "api" });
  });

  test("sends what the options say; with --json the answer is printed as it came", async () => {
    const daemon = fake(admits({ dry_run: true }));
    writeFileSync(join(daemon.home, "build.log"), "boom\n");
    writeFileSync(join(daemon.home, "plan.json"), '{"steps": [{"name": "build"}]}');
    const { code, out } = await daemon.run([
      "--json",
      "repair",
      "shop/api",
      "fix it",
      "--dry-run",
      "--high",
      "--logs",
      "build.log",
      "--plan",
      "plan.json",
    ]);
    expect([code, JSON.parse(out)]).toEqual([0, repairSummary({ dry_run: true })]);
    expect(daemon.asked.at(-1)?.body).toEqual({
      instruction: "fix it",
      target_service: "shop/api",
      priority: "high",
      dry_run: true,
      logs: "boom\n",
      plan: { steps: [{ name: "build" }] },
    });
  });

  test("of a long log the end is sent", async () => {
    const daemon = fake(admits());
    writeFileSync(join(daemon.home, "build.log"), `${"\u001b[31mred".repeat(1_000_000)}the end`);
    const { code, err } = await daemon.run(["repair", "api", "fix it", "--logs", "build.log"]);
    const { logs = "" } = (daemon.asked.at(-1)?.body ?? {}) as { logs?: string };
    expect([code, logs.endsWith("the end"), JSON.stringify(logs).length < 8 * 1024 * 1024]).toEqual([0, true, true]);
    expect(err).toContain(`its last ${logs.length} characters are sent`);
  });

  test.each([
    ["no instruction", ["api"], "say what to mend"],
    ["a log that is not there", ["api", "x", "--logs", "gone.log"], "--logs gone.log: no such file"],
    ["an empty log", ["api", "x", "--logs", "empty"], "there is nothing in it"],
    ["a folder for a log", ["api", "x", "--logs", "."], "it is a directory"],
    ["a plan that is no JSON", ["api", "x", "--plan", "broken"], "--plan broken: it is not JSON"],
    ["a plan that is a list", ["api", "x", "--plan", "list"], "a plan is an object with steps"],
    ["two standard inputs", ["api", "x", "--plan", "-", "--logs", "-"], "only one of --logs and --plan"],
    ["an option of an action", ["api", "x", "--from", "build"], "--from is an option of repair retry"],
    ["an option that show does not have", ["show", ID, "--high"], "--high is an option of repair <service>"],
    ["a step that there is not", ["retry", ID, "--from", "deploy"], "--from takes one of analyze, patch"],
    ["a reason that is a book", ["retry", ID, "--reason", "x".repeat(2001)], "--reason takes 2000 characters at most"],
  ])("%s is a usage error", async (_name, args, says) => {
    const daemon = fake({});
    for (const [name, text] of [
      ["empty", ""],
      ["broken", "{"],
      ["list", "[]"],
    ] as const)
      writeFileSync(join(daemon.home, name), text);
    const { code, out, err } = await daemon.run(["repair", ...args]);
    expect({ code, out, says: err.includes(says) || err }).toEqual({ code: 2, out: "", says: true });
  });

  test.each([
    ["unknown_service", 400, 4, "orco repair add <folder>"],
    ["docker_unavailable", 503, 1, "start docker"],
    ["invalid_instruction", 400, 1, "no"],
    ["conflict", 409, 5, "no"],
  ])("that is refused as %s says what to do", async (refusal, status, exit, says) => {
    const daemon = fake({ [`POST ${RUNS}`]: () => problem(status, { code: refusal, detail: "no" }) });
    const { code, err } = await daemon.run(["repair", "api", "fix it"]);
    expect([code, err]).toEqual([exit, expect.stringContaining(says)]);
  });
});

describe("repair --watch", () => {
  const at = (second: number): { ts: string } => ({ ts: `2026-01-01T00:00:0${second}.000Z` });
  const events = [
    { type: "run.started", status: "running", ...at(0) },
    { type: "repair.step", step: "analyze", status: "in_progress", attempt: 1, ...at(0) },
    { type: "repair.step", step: "analyze", status: "succeeded", attempt: 1, message: "yaml is missing", ...at(1) },
    { type: "repair.step", step: "build", status: "in_progress", attempt: 2, ...at(2) },
    { type: "repair.output", step: "build", message: "Step 1/2\n\u001b[2JStep 2/2", ...at(3) },
    { type: "repair.step", step: "build", status: "succeeded", attempt: 2, message: "", ...at(5) },
    { type: "repair.step", step: "rollback", status: "skipped", attempt: 0, ...at(5) },
  ];
  const ends = (run: Partial<RunDetail>) => ({ ...admits(), ...shows(run), [`GET ${ONE}/events`]: () => sse(events) });
  const healthy = repairDetail().steps.map((step) => (step.name === "verify" ? { ...step, message: "HTTP 200 after 2 tries" } : step));

  test("shows the steps, the patch and what the build says, and ends healthy", async () => {
    const { code, out, err } = await fake(ends({ status: "succeeded", steps: healthy })).run(["repair", "api", "fix it", "--watch"]);
    expect({ code, err }).toEqual({ code: 0, err: `repair ${ID}\n` });
    expect(out.split("\n")).toEqual([
      "00:00:00 analyze  …",
      "  found: the module yaml is not installed (confidence 95 %)",
      "    container:12: ModuleNotFoundError: No module named 'yaml'",
      "  remedy: PyYAML is added to api/requirements.txt",
      "    --- a/api/requirements.txt",
      "    +++ b/api/requirements.txt",
      "    @@ -1 +1,2 @@",
      "     flask",
      "    +PyYAML",
      "00:00:01 analyze  succeeded in 1s: yaml is missing",
      "00:00:02 build    … (try 2)",
      "         build | Step 1/2",
      "         build | Step 2/2",
      "00:00:05 build    succeeded in 3s (try 2)",
      "00:00:05 rollback skipped",
      "shop/api is healthy: HTTP 200 after 2 tries",
      "",
    ]);
  });

  test.each([
    ["rolled_back", "verify_failed", 1, "shop/api is rolled back, and is as it was before: it said 500"],
    ["rollback_failed", "verify_failed", 1, "COULD NOT BE ROLLED BACK"],
    ["rejected", "approval_denied", 1, "the plan was not approved: it said 500"],
    ["failed", "report_only", 1, "is not repaired, and nothing was changed: it said 500"],
    ["failed", "dirty_target", 5, "it said 500"],
    ["failed", "plan_outdated", 5, "nothing was changed; look anew: orco repair retry"],
    ["failed", "no_known_cause", 1, "--logs FILE"],
    ["failed", "timeout", 124, "it said 500"],
    ["rolled_back", "timeout", 1, "is rolled back"],
    ["canceled", "cancelled", 1, "the repair was canceled"],
  ] as const)("that ends %s (%s) exits %i and says why", async (status, code, exit, says) => {
    const daemon = fake(ends({ status, error: { code, message: "it said 500" } }));
    const ran = await daemon.run(["-q", "repair", "watch", ID]);
    expect([ran.code, ran.out, ran.err]).toEqual([exit, "", expect.stringContaining(says)]);
    expect(ran.err).toContain(`orco repair show ${ID}`);
  });

  test("--json prints the repair when it has ended", async () => {
    const { code, out } = await fake(ends({ status: "succeeded" })).run(["repair", "api", "x", "--watch", "--json"]);
    expect([code, JSON.parse(out)]).toEqual([0, repairDetail({ status: "succeeded" })]);
  });

  test("says how to approve, once analyze has said its last words, and goes on watching", async () => {
    const waits = [
      { type: "repair.step", step: "analyze", status: "in_progress", attempt: 1, ...at(0) },
      { type: "repair.status", status: "running", ...at(0) },
      { type: "repair.status", status: "awaiting_approval", ...at(1) },
      { type: "repair.output", step: "analyze", message: "its last words\n", ...at(1) },
      { type: "repair.step", step: "analyze", status: "succeeded", attempt: 1, ...at(1) },
      { type: "repair.status", status: "running", ...at(2) },
    ];
    let asked = 0;
    const daemon = fake({
      [`GET ${ONE}`]: () => Response.json(repairDetail(++asked > 2 ? { status: "succeeded" } : {})),
      [`GET ${ONE}/events`]: () => sse(waits),
    });
    const { code, out } = await daemon.run(["repair", "watch", ID]);
    expect(code).toBe(0);
    expect(out).toContain(`waits for an approval\n  approval: awaiting\n    because api is protected\n    by owner (--role)\n`);
    expect(out.indexOf("waits for")).toBeGreaterThan(out.indexOf("analyze  succeeded"));
    expect(out).toContain("Ctrl-C leaves it waiting\n00:00:02 approved\n");
    expect(out).not.toContain("running");
    expect(out).toContain(`decide it: orco approve ${ID} --role …, or with --reject`);
    expect(out).toContain("    +PyYAML\n");
  });

  test("goes on behind the last event when the daemon was away", async () => {
    const seen: (string | null)[] = [];
    const daemon = fake({
      ...shows({ status: "succeeded" }),
      [`GET ${ONE}/events`]: (request) => {
        seen.push(request.headers.get("last-event-id"));
        if (seen.length > 1) return sse([]);
        const first = `event: step\nid: 17-4\ndata: ${JSON.stringify(events[1])}\n\n`;
        return new Response(first, { headers: { "content-type": "text/event-stream" } });
      },
    });
    expect((await daemon.run(["repair", "watch", ID])).code).toBe(0);
    expect(seen).toEqual([null, "17-4"]);
  });
});

describe("a repair that is there", () => {
  test("show has what was found, the steps and what to do next", async () => {
    const { code, out } = await fake(shows({})).run(["repair", "show", ID]);
    expect(code).toBe(0);
    for (const line of [
      `${ID}  shop/api  awaiting_approval`,
      "  found: the module yaml is not installed (confidence 95 %)",
      "    +PyYAML",
      "  approval: awaiting",
      `  decide it: orco approve ${ID} --role …, or with --reject`,
    ])
      expect(out.split("\n")).toContain(line);
    expect(out).toMatch(/analyze +succeeded +1 +\S+ +found/);
    const json = await fake(shows({})).run(["repair", "show", ID, "--json"]);
    expect(JSON.parse(json.out)).toEqual(repairDetail());
  });

  test("is named by a part of its id; one that is not there exits 4", async () => {
    const daemon = fake({ [`GET ${RUNS}`]: () => Response.json({ runs: [repairSummary()] }), ...shows({}) });
    expect((await daemon.run(["repair", "show", ID.slice(-6)])).code).toBe(0);
    expect(await daemon.run(["repair", "show", "ffffff"])).toMatchObject({ code: 4, err: expect.stringContaining("orco repairs") });
  });

  test("retry makes a new one, from the step that is named", async () => {
    const daemon = fake({ [`POST ${ONE}/retry`]: () => Response.json(repairSummary({ run_id: "new", retry_of: ID }), { status: 202 }) });
    expect(await daemon.run(["repair", "retry", ID, "--from", "build", "--reason", "docker is back"])).toEqual({
      code: 0,
      out: "new\n",
      err: "watch it: orco repair watch new\n",
    });
    expect(daemon.asked.at(-1)?.body).toEqual({ resume_from_step: "build", reason: "docker is back" });
  });

  test("retry --watch follows the new one; cancel says how it ended", async () => {
    const daemon = fake({
      [`POST ${ONE}/retry`]: () => Response.json(repairSummary(), { status: 202 }),
      [`DELETE ${ONE}`]: () => Response.json(repairSummary({ status: "canceled" })),
      [`GET ${ONE}/events`]: () => sse([]),
      ...shows({ status: "succeeded" }),
    });
    expect(await daemon.run(["repair", "retry", ID, "--watch"])).toMatchObject({ code: 0, out: "shop/api is healthy: checked\n" });
    expect(await daemon.run(["repair", "cancel", ID])).toEqual({ code: 0, out: "", err: `repair ${ID} is canceled\n` });
    const late = fake({ [`DELETE ${ONE}`]: () => problem(409, { code: "conflict", detail: "it has ended" }) });
    expect(await late.run(["repair", "cancel", ID])).toMatchObject({ code: 5, err: "orco: it has ended\n" });
  });

  test("artifacts are a table, and one comes byte for byte", async () => {
    const { artifacts } = repairDetail();
    const daemon = fake({
      [`GET ${ONE}/artifacts`]: () => Response.json({ artifacts }),
      [`GET ${ONE}/artifacts/patch.diff`]: () => new Response("\u001b[1mdiff\n"),
    });
    expect((await daemon.run(["repair", "artifacts", ID])).out).toContain("NAME        SIZE  AT");
    expect((await daemon.run(["repair", "artifacts", ID, "patch.diff"])).out).toBe("\u001b[1mdiff\n");
    expect(await daemon.run(["repair", "artifacts", ID, "patch.diff", "-o", "p"])).toMatchObject({ code: 0, out: "" });
    expect(await Bun.file(join(daemon.home, "p")).text()).toBe("\u001b[1mdiff\n");
    expect((await daemon.run(["repair", "artifacts", ID, "gone.log"])).code).toBe(4);
  });
});
