import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { dockerHere } from "../docker/engine.ts";
import { until } from "../until.ts";
import { ComposeWatchRig } from "./compose-watch-rig.ts";
import { dockerRig } from "./docker-rig.ts";
import { repairRig } from "./repair-rig.ts";
import { crlf, DOCKERFILE, RepairedStack } from "./repair-stack-rig.ts";

const made: RepairedStack[] = [];
const found = await dockerRig({ ORCO_REPAIR_COOLDOWN_MS: "0", ORCO_REPAIR_BREAKER_MS: "0" });
const rig = await repairRig();
const engine = await dockerHere();

afterAll(async () => {
  await Promise.all(made.map((one) => one.clean()));
  await rig?.clean();
  await rig?.close();
});

const PROFILE = `version: 1
services:
  api: { repair: propose, settle: 300ms, restart_timeout: 20s }
  quiet: { settle: 300ms }
`;

describe.if(found !== undefined)("a stack", () => {
  function services(repair: string): string {
    return `services:
  api:
    build: ./api
    init: true
    restartPolicy: { maxRetries: -1, backoff: { min: 100ms, max: 200ms } }
    repair: "${repair}"`;
  }

  function stackWith(repair: string): RepairedStack {
    if (!found) throw new Error("no docker");
    const stack = found.rig.stack(services(repair));
    stack.write("api/Dockerfile", DOCKERFILE);
    stack.write("api/start.sh", crlf());
    stack.write("orco.repair.yaml", "version: 1\nservices: { api: { settle: 300ms, restart_timeout: 20s } }\n");
    const repaired = new RepairedStack(found.rig, found.docker, stack);
    made.push(repaired);
    return repaired;
  }

  test("a service with repair: auto is mended when it is in a crash loop, by one repair; that it asks for one restarts nothing", async () => {
    const repaired = stackWith("off");
    const { stack } = repaired;
    await repaired.commit();
    await stack.orco("up", "-d");
    await stack.whenService("api", "to be in a crash loop", ({ restarts }) => restarts >= 3);
    expect(await repaired.runsOf("api")).toEqual([]);
    stack.edit(services("auto"));
    expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json")).services[0]).not.toHaveProperty("strategy");
    await stack.orco("apply", "-d");
    const run = await until("a repair of it", async () => (await repaired.runsOf("api"))[0], 60_000);
    const detail = await repaired.settled(run.run_id);
    expect([detail.status, detail.error]).toEqual(["succeeded", null]);
    expect(detail.instruction).toContain("is in a crash loop: 3 runs failed within");
    const { records } = await (found as NonNullable<typeof found>).rig.client.audit.list();
    expect(records.find(({ subject, action }) => subject === detail.run_id && action === "repair.requested")).toMatchObject({
      actor: "orco",
      facts: { trigger: "crash_loop" },
    });
    expect(await stack.service("api")).toMatchObject({ state: "Running", ready: true });
    expect(await repaired.runsOf("api")).toHaveLength(1);
  });

  test("one with repair: propose waits for somebody, and is not asked about twice", async () => {
    const repaired = stackWith("propose");
    const { stack } = repaired;
    await repaired.commit();
    await stack.orco("up", "-d");
    const run = await until("a repair of it", async () => (await repaired.runsOf("api"))[0], 60_000);
    const detail = await repaired.settled(run.run_id);
    expect([detail.status, detail.approval_status]).toEqual(["awaiting_approval", "awaiting"]);
    const { restarts } = await stack.service("api");
    await stack.whenService("api", "to fail on", (service) => service.restarts >= restarts + 3);
    expect(await repaired.runsOf("api")).toHaveLength(1);
    expect(repaired.read("api/Dockerfile")).toBe(DOCKERFILE);
    await found?.rig.client.repair.decide(detail.run_id, { approver: { id: "ann" }, decision: "reject" });
    expect((await repaired.ended(detail.run_id)).status).toBe("rejected");
  });
});

describe.if(engine !== undefined)("containers of a compose project", () => {
  test("tell of runs that failed, not of ends that somebody asked for; one that is not started any more is told at sight", async () => {
    if (!engine) return;
    await using watched = new ComposeWatchRig(engine);
    const first = watched.watch();
    const stopped = await watched.container("stopped", "exec sleep 1000");
    await watched.container("elsewhere", "exit 3");
    await watched.container("ended", "echo gone wrong; exit 7", 2);
    for (let n = 0; n < 3; n++) await engine.call("POST", `/containers/${stopped}/restart`, { query: { t: 0 } });
    await until("three failed runs", () => watched.told("ended").length >= 3, 20_000);
    const [ended] = watched.told("ended");
    expect(ended).toMatchObject({ kind: "compose", project: watched.project, gaveUp: false, how: "exit code 7" });
    expect(await ended?.logs()).toContain("gone wrong");
    await watched.container("last", "exit 4");
    // Events come in their order: what was stopped and started before would have been told by now.
    await until("the last one", () => watched.told("last").length > 0, 20_000);
    expect([watched.told("stopped"), watched.told("elsewhere")]).toEqual([[], []]);
    first.close();
    watched.sightings.length = 0;
    watched.watch();
    const sight = await until("what has ended for good", () => watched.told("ended")[0], 20_000);
    expect(sight).toMatchObject({ gaveUp: true, how: "exit code 7, and is not started again" });
  });
});

describe.if(rig !== undefined)("a compose project", () => {
  test("a container in a crash loop is proposed a repair; one that nobody asks for is left alone", async () => {
    if (!rig) return;
    const image = (name: string): string => `  ${name}: {build: ./api, init: true, restart: always}\n`;
    rig.write("compose.yaml", `services:\n${image("api")}${image("quiet")}`);
    rig.write("api/Dockerfile", DOCKERFILE);
    rig.write("api/start.sh", crlf());
    rig.write("orco.repair.yaml", PROFILE);
    await rig.commit();
    await rig.begin();
    await rig.operator("up", "-d", "--build");
    const runs = async (): Promise<readonly { readonly run_id: string; readonly target_service: string }[]> =>
      (await rig.client.repair.list()).runs;
    const run = await until("a repair of it", async () => (await runs())[0], 90_000);
    const detail = await rig.settled(run.run_id);
    expect([detail.status, detail.target_service]).toEqual(["awaiting_approval", "api"]);
    expect(detail.artifacts.map(({ name }) => name)).toContain("given.log");
    expect(await runs()).toHaveLength(1);
    await rig.client.repair.decide(detail.run_id, { approver: { id: "ann" }, decision: "approve" });
    expect((await rig.ended(detail.run_id)).status).toBe("succeeded");
  });

  test("a build that failed in CI: a proposal where the profile says so, ignored where it says nothing", async () => {
    if (!rig) return;
    const before = (await rig.client.repair.list()).runs.length;
    expect(await ci("quiet")).toMatchObject({
      status: 200,
      body: { ignored: true, reason: expect.stringContaining("asks for no repairs") },
    });
    expect((await rig.client.repair.list()).runs).toHaveLength(before);
    rig.write("api/Dockerfile", DOCKERFILE);
    await rig.commit();
    const { status, body } = await ci("api", "k1");
    expect(status).toBe(202);
    // A webhook that is sent again is the same.
    expect((await ci("api", "k1")).body["run_id"]).toBe(body["run_id"]);
    const detail = await rig.settled(String(body["run_id"]));
    expect([detail.status, detail.instruction]).toEqual(["awaiting_approval", "a build of api failed: https://ci.example/7"]);
    expect(detail.finding?.signature).toContain("crlf");
    await rig.client.repair.decide(detail.run_id, { approver: { id: "ann" }, decision: "reject" });
    expect((await rig.ended(detail.run_id)).status).toBe("rejected");
  });

  async function ci(service: string, key?: string): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const logs = "exec /start.sh: no such file or directory";
    const response = await fetch("http://orco/orchestrator/triggers/ci", {
      unix: join(rig?.home ?? "", "orco.sock"),
      method: "POST",
      headers: { "content-type": "application/json", ...(key !== undefined && { "idempotency-key": key }) },
      body: JSON.stringify({ target_service: service, logs, url: "https://ci.example/7" }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
});
