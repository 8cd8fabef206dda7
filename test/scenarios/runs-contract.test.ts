import { describe, expect, test } from "bun:test";
import { type Fields, runsRig, sh } from "./runs-rig.ts";

const rig = runsRig();

function pointers(body: Fields): string[] {
  return ((body["errors"] ?? []) as { pointer: string }[]).map(({ pointer }) => pointer);
}

function nested(levels: number): unknown {
  return JSON.parse("[".repeat(levels) + "]".repeat(levels));
}

describe("mode=plan", () => {
  test("orders, warns, and stores nothing", async () => {
    const steps = [sh("c", "true", { needs: ["a", "b"] }), sh("a", "true"), sh("b", "true"), { id: "w", wait_for: "go", needs: ["c"] }];
    const { status, body, headers } = await rig.post("/runs?mode=plan", { name: "only-looked-at", plan: { steps } });
    expect(status).toBe(200);
    expect(headers.get("location")).toBeNull();
    expect(body["mode"]).toBe("plan");
    const plan = body["plan"] as { steps: { id: string }[]; levels: string[][]; warnings: string[] };
    expect(plan.levels).toEqual([["a", "b"], ["c"], ["w"]]);
    expect(plan.steps.map(({ id }) => id)).toEqual(["c", "a", "b", "w"]);
    expect(plan.warnings.join()).toContain("w waits for the signal go");
    expect((await rig.get("/runs?name=only-looked-at")).body["runs"]).toEqual([]);
  });

  test("refuses what a run would be refused", async () => {
    for (const query of ["?mode=plan", ""]) {
      const { status, body } = await rig.post(`/runs${query}`, {
        plan: { steps: [sh("a", "true", { needs: ["b"] }), sh("b", "true", { needs: ["c"] }), sh("c", "true", { needs: ["a"] })] },
      });
      expect([query, status, body["code"]]).toEqual([query, 400, "invalid"]);
      expect((body["cycle"] as string[]).toSorted()).toContain("b");
      expect(body["detail"]).toMatch(/a.*b.*c.*a|b.*c.*a.*b|c.*a.*b.*c/);
    }
    for (const more of [{ webhook: "http://10.0.0.1/" }, { concurrency: { limit: 1 } }, { metadata: { a: "x".repeat(257 * 1024) } }]) {
      const body = { plan: { steps: [sh("a", "true")] }, ...more };
      const [planned, made] = [await rig.post("/runs?mode=plan", body), await rig.post("/runs", body)];
      expect([planned.status, planned.body["detail"]]).toEqual([made.status, made.body["detail"] as string]);
    }
    expect((await rig.post("/runs?mode=plan", {})).status).toBe(400);
  });
});

describe("a body that is wrong is refused with a pointer", () => {
  const step = sh("a", "true");
  const wrong: readonly (readonly [what: string, body: unknown, pointer: string])[] = [
    ["no list of steps", { plan: {} }, "/plan/steps"],
    ["no steps", { plan: { steps: [] } }, "/plan/steps"],
    ["an unknown field", { plan: { steps: [{ ...step, comand: ["x"] }] } }, "/plan/steps/0/comand"],
    ["an id of the wrong type", { plan: { steps: [{ ...step, id: 7 }] } }, "/plan/steps/0/id"],
    ["an id with a slash", { plan: { steps: [{ ...step, id: "../x" }] } }, "/plan/steps/0/id"],
    ["ids twice", { plan: { steps: [step, step] } }, "/plan/steps/1/id"],
    ["an unknown need", { plan: { steps: [{ ...step, needs: ["b"] }] } }, "/plan/steps/0/needs/0"],
    ["itself as need", { plan: { steps: [{ ...step, needs: ["a"] }] } }, "/plan/steps/0/needs/0"],
    ["a command that is a text", { plan: { steps: [{ id: "a", command: "true" }] } }, "/plan/steps/0/command"],
    ["two kinds", { plan: { steps: [{ ...step, http: { url: "http://localhost/" } }] } }, "/plan/steps/0"],
    ["no kind", { plan: { steps: [{ id: "a" }] } }, "/plan/steps/0"],
    ["a when of another kind", { plan: { steps: [{ ...step, when: "never" }] } }, "/plan/steps/0/when"],
    ["33 at once", { plan: { steps: [{ ...step, for_each: { items: [1], max_parallel: 33 } }] } }, "/plan/steps/0/for_each/max_parallel"],
    ["a negative timeout", { plan: { steps: [{ ...step, timeout_ms: -1 }] } }, "/plan/steps/0/timeout_ms"],
    ["a file as url", { plan: { steps: [{ id: "a", http: { url: "file:///etc/passwd" } }] } }, "/plan/steps/0/http/url"],
    ["an unknown reference", { plan: { steps: [sh("a", "${steps.b.outputs.x}")] } }, "/plan/steps/0/command/2"],
    [
      "a reference to what may run later",
      { plan: { steps: [sh("a", "${steps.b.outputs.x}"), sh("b", "true")] } },
      "/plan/steps/0/command/2",
    ],
    ["a relative workdir", { plan: { steps: [{ ...step, workdir: "x" }] } }, "/plan/steps/0/workdir"],
    ["variables that are ours", { plan: { steps: [{ ...step, env: { ORCO_RUN_ID: "x" } }] } }, "/plan/steps/0/env/ORCO_RUN_ID"],
    ["too many steps", { plan: { steps: Array.from({ length: 10_001 }, (_, n) => ({ id: `s${n}`, command: ["true"] })) } }, "/plan/steps"],
    ["a name that is a number", { name: 5 }, "/name"],
    ["metadata that is a list", { metadata: [] }, "/metadata"],
    ["an unknown field of the run", { priorty: 3 }, "/priorty"],
    ["an unknown field of the webhook", { concurrency_key: "k", concurrency: { limt: 3 } }, "/concurrency/limt"],
    ["a priority of 101", { priority: 101 }, "/priority"],
    ["a secret that is not set", { webhook: { url: "http://127.0.0.1:1/", secret_env: "NO_SUCH_SECRET" } }, "/webhook/secret_env"],
    ["a webhook that is no url", { webhook: "nowhere" }, "/webhook"],
  ];
  for (const [what, body, pointer] of wrong)
    test(what, async () => {
      const reply = await rig.post("/runs", body);
      expect([reply.status, reply.body["code"]]).toEqual([400, "invalid"]);
      expect(pointers(reply.body)).toContain(pointer);
    });

  test("nothing of all that was stored", async () => {
    expect((await rig.get("/runs?kind=plan")).body["runs"]).toEqual([]);
  });
});

describe("what no parser takes", () => {
  const bodies: readonly (readonly [what: string, raw: string, status: number])[] = [
    ["half an object", '{"plan":', 400],
    ["a list", "[]", 400],
    ["null", "null", 400],
    ["a number", "1", 400],
    ["65 levels", JSON.stringify({ input: { a: nested(63) } }), 400],
    ["a very deep list", "[".repeat(200_000), 400],
    ["__proto__", '{"metadata":{"__proto__":{"x":1}}}', 400],
    ["__proto__ inside of a plan", '{"plan":{"steps":[{"id":"a","command":["true"],"env":{"__proto__":"x"}}]}}', 400],
  ];
  for (const [what, raw, status] of bodies)
    test(what, async () => {
      const reply = await rig.post("/runs", undefined, { raw });
      expect([reply.status, reply.body["code"]]).toEqual([status, "invalid"]);
    });

  test("64 levels are taken", async () => {
    expect((await rig.post("/runs", { input: { a: nested(62) } })).status).toBe(201);
  });

  test("bytes that are no UTF-8", async () => {
    expect((await rig.post("/runs", undefined, { raw: new Uint8Array([0x7b, 0xff, 0x7d]) })).status).toBe(400);
  });

  test("other types of content", async () => {
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json; charset=latin1",
    ]) {
      const { status, body } = await rig.post("/runs", undefined, { raw: '{"name":"csrf"}', headers: { "content-type": type } });
      expect([type, status, body["code"]]).toEqual([type, 415, "unsupported_media_type"]);
    }
    expect((await rig.get("/runs?name=csrf")).body["runs"]).toEqual([]);
  });

  test("too much", async () => {
    const of = (bytes: number) => ({ a: "x".repeat(bytes) });
    for (const body of [{ input: of(257 * 1024) }, { metadata: of(257 * 1024) }, { name: "n", input: of(9 * 2 ** 20) }])
      expect(await rig.post("/runs", body).then(({ status, body: problem }) => [status, problem["code"]])).toEqual([413, "too_large"]);
    expect((await rig.post("/tickets", { path: "x".repeat(1024 * 1024) })).status).toBe(413);
  });
});

test("an unknown mode is refused, and so are modes whose engine this daemon has not", async () => {
  for (const mode of ["mesos", "", "LOCAL", "plan,local"]) expect((await rig.post(`/runs?mode=${mode}`, {})).status).toBe(400);
  expect((await rig.post("/runs?mode=local&mode=plan", {})).status).toBe(400);
  expect((await rig.post("/runs?dryrun=1", {})).status).toBe(400);
  const steps = [sh("a", "true")];
  const { status, body } = await rig.post("/runs?mode=redis", { plan: { steps } });
  expect([status, body["code"], body["mode"]]).toEqual([503, "unavailable", "redis"]);
});

test("10,000 steps are a plan, and its answer is whole", async () => {
  const steps = Array.from({ length: 10_000 }, (_, n) => ({ id: `s${n}`, command: ["true"], ...(n > 0 && { needs: [`s${n - 1}`] }) }));
  const { status, body } = await rig.post("/runs?mode=plan", { plan: { steps } });
  expect(status).toBe(200);
  expect((body["plan"] as { levels: string[][] }).levels).toHaveLength(10_000);
});

test("what is not there is 404, and what is never an id too", async () => {
  const id = "01890000-0000-7000-8000-000000000000";
  const asks: [string, string, unknown?][] = [
    ["GET", ""],
    ["DELETE", ""],
    ["GET", "/events"],
    ["GET", "/checkpoints"],
    ["POST", "/checkpoints", { type: "t" }],
    ["POST", "/pause"],
    ["POST", "/resume"],
    ["POST", "/retry"],
    ["POST", "/cancel"],
    ["POST", "/signals/x", { data: 1 }],
    ["POST", "/approvals", { decision: "approve" }],
    ["GET", "/logs"],
    ["GET", "/artifacts"],
    ["GET", "/artifacts/a"],
    ["POST", "/artifacts/a", "bytes"],
    ["POST", "/claim", { worker: "w" }],
    ["POST", "/heartbeat", {}],
    ["POST", "/finish", { status: "completed" }],
    ["POST", "/report", {}],
    ["GET", "/steps/a/checkpoint"],
  ];
  for (const run of [id, "nope", "..%2f..%2fetc", "%00", "a'b--"])
    for (const [method, rest, json] of asks) {
      const { status } = await rig.ask(`/runs/${run}${rest}`, { method, ...(json !== undefined && { json }) });
      expect([method, run, rest, status]).toEqual([method, run, rest, 404]);
    }
});

test("other methods are 405 with what is allowed; HEAD goes where GET does", async () => {
  const run = await rig.create({});
  await rig.ask(`/runs/${run}/artifacts/a`, { method: "POST", raw: "x" });
  const { body } = await rig.get("/openapi.json");
  const paths = Object.entries(body["paths"] as Record<string, Fields>).filter(([path]) =>
    /^\/(?:runs|schedules|tickets|events|schemas)/.test(path),
  );
  expect(paths.length).toBeGreaterThan(18);
  for (const [template, operations] of paths) {
    const path = template
      .replace("{runId}", run)
      .replace("{name}", "a")
      .replace("{file}", "run.json")
      .replace("{step}", "s")
      .replace("{id}", "x");
    const known = Object.keys(operations).map((method) => method.toUpperCase());
    const { status, headers } = await rig.ask(path, { method: "PATCH" });
    expect([path, status]).toEqual([path, 405]);
    const allow = (headers.get("allow") ?? "").split(", ");
    for (const method of known) expect(allow).toContain(method);
    if (!known.includes("GET")) continue;
    expect(allow).toContain("HEAD");
    const got = path.endsWith("/events") ? 200 : (await rig.get(path)).status;
    const head = await rig.ask(path, { method: "HEAD" });
    expect([path, head.status, head.text]).toEqual([path, got, ""]);
  }
});
