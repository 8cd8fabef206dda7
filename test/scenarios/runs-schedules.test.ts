import { afterAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { until } from "../until.ts";
import { type Fields, runsRig, sh, TIME } from "./runs-rig.ts";

const SECRET = "whsec-canary-value";

interface Told {
  readonly body: string;
  readonly headers: Headers;
  readonly at: number;
}

const told: Told[] = [];
let refusals = 1;
const receiver = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    told.push({ body: await request.text(), headers: request.headers, at: performance.now() });
    const path = new URL(request.url).pathname;
    if (path === "/jump") return new Response(null, { status: 307, headers: { location: "/here" } });
    return new Response(null, { status: path === "/flaky" && refusals-- > 0 ? 503 : 204 });
  },
});
afterAll(() => receiver.stop(true));
const rig = runsRig({ ORCO_WEBHOOK_ALLOW: "127.0.0.1", HOOK_SECRET: SECRET });
const strict = runsRig();

function url(path: string): string {
  return `http://127.0.0.1:${receiver.port}${path}`;
}

function of(id: string): Told | undefined {
  return told.find(({ body }) => body.includes(id));
}

describe("schedules", () => {
  const yearly: Fields = {
    cron: "0 0 1 1 *",
    timezone: "Europe/Berlin",
    catch_up: "one",
    run: { name: "yearly", plan: { steps: [sh("a", "true")] } },
  };

  test("are made, shown, listed and taken away", async () => {
    const made = await rig.post("/schedules", yearly);
    expect(made.status).toBe(201);
    const { id } = made.body as { id: string };
    expect(made.headers.get("location")).toBe(`/schedules/${id}`);
    expect(made.body).toMatchObject({ cron: "0 0 1 1 *", timezone: "Europe/Berlin", catch_up: "one", enabled: true, mode: "local" });
    for (const key of ["createdAt", "next_at"]) expect(made.body[key]).toMatch(TIME);
    expect(String(made.body["next_at"])).toMatch(/-12-31T23:00:00\.000Z$/);
    expect((await rig.get(`/schedules/${id}`)).body).toEqual(made.body);
    await rig.post("/schedules", { ...yearly, name: "second" });
    await rig.again();
    const list = await rig.get("/schedules?limit=1");
    expect((list.body["schedules"] as Fields[])[0]?.["name"]).toBe("second");
    expect(list.headers.get("link")).toContain('rel="next"');
    const rest = await rig.get(`/schedules?cursor=${String(list.body["next_cursor"])}`);
    expect((rest.body["schedules"] as Fields[]).map((one) => one["id"])).toEqual([id]);
    expect((await rig.delete(`/schedules/${id}`)).status).toBe(204);
    for (const method of ["GET", "DELETE"]) expect((await rig.ask(`/schedules/${id}`, { method })).status).toBe(404);
  });

  const wrong: readonly (readonly [string, Fields, string])[] = [
    ["no cron", { cron: "every day" }, "/cron"],
    ["minute 60", { cron: "60 * * * *" }, "/cron"],
    ["seven fields too many", { cron: "* * * * * * * *" }, "/cron"],
    ["a day that never comes", { cron: "0 0 30 2 *" }, "/cron"],
    ["nowhere", { timezone: "Mars/Olympus" }, "/timezone"],
    ["a catch_up of another kind", { catch_up: "some" }, "/catch_up"],
    [
      "a plan with a cycle",
      { run: { plan: { steps: [sh("a", "true", { needs: ["b"] }), sh("b", "true", { needs: ["a"] })] } } },
      "/run/plan/steps/0/needs",
    ],
    ["a webhook into this machine", { run: { webhook: "http://10.0.0.1/" } }, "/run/webhook"],
    ["an unknown field", { crom: "x" }, "/crom"],
    ["an unknown field of the run", { run: { nmae: "x" } }, "/run/nmae"],
  ];
  for (const [what, change, pointer] of wrong)
    test(`are refused: ${what}`, async () => {
      const { status, body } = await rig.post("/schedules", { ...yearly, ...change });
      expect([status, body["code"]]).toEqual([400, "invalid"]);
      expect(((body["errors"] ?? []) as Fields[]).map((error) => error["pointer"])).toContain(pointer);
    });

  test("fire: each time a run, which says of which schedule; none after they are gone", async () => {
    const run = { name: "tick", plan: { steps: [sh("a", "true")] } };
    const { body } = await rig.post("/schedules", { cron: "* * * * * *", timezone: "UTC", catch_up: "skip", run });
    const id = String(body["id"]);
    const fired = () => rig.get("/runs?name=tick").then((reply) => reply.body["runs"] as Fields[]);
    await until("two runs", async () => (await fired()).length >= 2, 20_000);
    for (const one of await fired()) expect(one["schedule_id"]).toBe(id);
    const seen = (await rig.get(`/schedules/${id}`)).body;
    expect(String(seen["last_fired_at"])).toMatch(/:\d\d\.000Z$/);
    expect((await fired()).map((one) => one["id"])).toContain(String(seen["last_run_id"]));
    await rig.delete(`/schedules/${id}`);
    const after = (await fired()).length;
    const silence = { cron: "* * * * * *", timezone: "UTC", catch_up: "skip", enabled: false, run: { name: "silent" } };
    await rig.post("/schedules", silence);
    const watch = await rig.post("/schedules", { ...silence, enabled: true, run: { name: "watch" } });
    await until(
      "another schedule to fire",
      async () => ((await rig.get("/runs?name=watch")).body["runs"] as unknown[]).length >= 1,
      20_000,
    );
    await rig.delete(`/schedules/${String(watch.body["id"])}`);
    expect((await fired()).length).toBe(after);
    expect((await rig.get("/runs?name=silent")).body["runs"]).toEqual([]);
  });
});

describe("webhooks", () => {
  test("are told of each end, signed over time and body", async () => {
    const steps = { good: [sh("a", "true")], bad: [sh("a", "false")], long: [{ id: "w", wait_for: "x" }] };
    const webhook = { url: url("/hook"), secret_env: "HOOK_SECRET" };
    const [good, bad, long] = [
      await rig.plan(steps.good, { webhook }),
      await rig.plan(steps.bad, { webhook }),
      await rig.plan(steps.long, { webhook: url("/plain") }),
    ];
    await rig.delete(`/runs/${long}`);
    for (const [id, status] of [
      [good, "completed"],
      [bad, "failed"],
      [long, "canceled"],
    ] as const) {
      const { body, headers } = await until(`the webhook of ${status}`, () => of(id), 20_000);
      const said = JSON.parse(body) as { event: string; run: Fields };
      expect(said.event).toBe(`run.${status}`);
      expect(said.run).toEqual(await rig.run(id));
      expect(headers.get("content-type")).toBe("application/json");
      const signature = [...headers].find(([name]) => name.includes("signature"))?.[1];
      if (id === long) expect(signature).toBeUndefined();
      else {
        const timestamp = [...headers].find(([name]) => name.includes("timestamp"))?.[1] ?? "";
        expect(signature).toContain(createHmac("sha256", SECRET).update(`${timestamp}.${body}`).digest("hex"));
      }
    }
  });

  test("are told again when they refuse, under the same delivery id", async () => {
    const id = await rig.plan([sh("a", "true")], { webhook: url("/flaky") });
    await until("the second try", () => told.filter(({ body }) => body.includes(id)).length === 2, 30_000);
    const ids = told
      .filter(({ body }) => body.includes(id))
      .map(({ headers }) => [...headers].find(([name]) => name.includes("delivery"))?.[1]);
    expect(ids[0]).toBe(ids[1] ?? "");
  });

  test("follow no redirect", async () => {
    const before = told.length;
    const id = await rig.plan([sh("a", "true")], { webhook: url("/jump") });
    await until("the try", () => of(id));
    const next = await rig.plan([sh("a", "true")], { webhook: url("/hook") });
    await until("another", () => of(next));
    expect(told.slice(before).filter(({ body }) => body.includes(id))).toHaveLength(1);
  });

  test("go to no address of this machine or its networks, however it is written", async () => {
    const hosts = [
      "127.0.0.1",
      "localhost",
      "a.localhost",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "0.0.0.0",
      "[::]",
      "10.1.2.3",
      "192.168.0.1",
      "172.16.0.1",
      "169.254.169.254",
      "[fe80::1]",
      "[fd00::1]",
      "100.64.0.1",
      "224.0.0.1",
    ];
    for (const host of hosts) {
      const { status, body } = await strict.post("/runs", { webhook: `http://${host}/x` });
      expect([host, status, body["code"]]).toEqual([host, 400, "invalid"]);
      expect((body["errors"] as Fields[])[0]?.["pointer"]).toBe("/webhook");
    }
    for (const bad of ["ftp://example.com/", "file:///etc/passwd", "http://user:pass@example.com/", "javascript:alert(1)", "//example.com"])
      expect([bad, (await strict.post("/runs", { webhook: bad })).status]).toEqual([bad, 400]);
    expect((await rig.post("/runs", { webhook: "http://169.254.169.254/latest" })).status).toBe(400);
    expect((await rig.post("/runs", { webhook: "http://10.0.0.1/" })).status).toBe(400);
    expect((await strict.get("/runs")).body["runs"]).toEqual([]);
    expect((await strict.post("/runs", { webhook: "https://hooks.example.com/x" })).status).toBe(201);
  });
});
