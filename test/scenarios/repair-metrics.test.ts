import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { until } from "../until.ts";
import { contract, planOf } from "./repair-contract.ts";
import type { Fields } from "./runs-rig.ts";

setDefaultTimeout(90_000);
const said: string[] = [];
const socket = await Bun.udpSocket({
  hostname: "127.0.0.1",
  socket: { data: (_, bytes) => void said.push(...bytes.toString().split("\n")) },
});
const found = await contract({ ORCHESTRATOR_STATSD_HOST: "127.0.0.1", ORCHESTRATOR_STATSD_PORT: String(socket.port) });
const POLICY = `services:
  asked: {protected: true, settle: 200ms}
  sick.one: {settle: 200ms, health: {url: "http://127.0.0.1:9/", timeout: 200ms}}
`;

afterAll(async () => {
  await found?.close();
  socket.close();
});

describe.skipIf(!found)("what is counted of repairs", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    c.project({ good: { isWhole: true }, asked: { isWhole: true }, "sick.one": { isWhole: true } }, POLICY);
    await c.rig.commit();
    await c.begin();
  });

  const plan = (service: string, line = "RUN true"): Fields => {
    const text = c.rig.read(`${service}/Dockerfile`);
    return planOf(`${service}/Dockerfile`, text, text.replace("CMD", `${line}\nCMD`));
  };
  const counted = (name: string): number => said.filter((line) => line === `moonmind.orchestrator.${name}:1|c`).length;
  const timed = (name: string): boolean => said.some((line) => new RegExp(`^moonmind\\.orchestrator\\.${name}:\\d+\\|ms$`).test(line));

  test("has StatsD's name for every state and step, and the same in Prometheus", async () => {
    const failed = await c.admitted("good");
    const first = await c.waiting(await c.admitted("asked", { plan: plan("asked") }));
    expect((await c.decide(first.run_id, { decision: "reject" })).status).toBe(200);
    const second = await c.waiting(await c.admitted("asked", { plan: plan("asked") }));
    expect((await c.cancel(second.run_id)).status).toBe(200);
    expect((await c.ended(failed)).status).toBe("failed");
    expect((await c.through("good", { plan: plan("good") })).status).toBe("succeeded");
    expect((await c.through("sick.one", { plan: plan("sick.one") })).status).toBe("rolled_back");
    // A file of a repair that is written by somebody else in its midst stays as they want it, and that is told aloud.
    const late = await c.admitted("good", { plan: plan("good", "RUN sleep 8; exit 7") });
    await c.inStep(late, "build");
    c.rig.write("good/Dockerfile", `${c.rig.read("good/Dockerfile")}# mine\n`);
    expect((await c.ended(late)).status).toBe("rollback_failed");

    const states = [
      "queued",
      "running",
      "awaiting_approval",
      "succeeded",
      "failed",
      "rolled_back",
      "rollback_failed",
      "rejected",
      "canceled",
    ];
    await until("all that is sent", () => timed("runs.duration.rollback_failed"), 20_000);
    for (const state of states) expect([state, counted(`runs.status.${state}`) > 0]).toEqual([state, true]);
    expect(counted("runs.queued")).toBe(6);
    expect([counted("runs.queued.service.good"), counted("runs.queued.service.sick_one")]).toEqual([3, 1]);
    for (const state of states.slice(3)) expect([state, timed(`runs.duration.${state}`)]).toEqual([state, true]);
    for (const step of ["analyze", "patch", "build", "restart", "verify", "rollback"]) {
      expect([step, counted(`steps.${step}.started`) > 0, timed(`steps.${step}.duration`)]).toEqual([step, true, true]);
      expect([step, counted(`steps.${step}.skipped`) > 0]).toEqual([step, true]);
    }
    for (const step of ["patch", "build", "restart", "verify", "rollback"])
      expect([step, counted(`steps.${step}.succeeded`) > 0]).toEqual([step, true]);
    for (const step of ["build", "verify", "rollback"]) expect([step, counted(`steps.${step}.failed`) > 0]).toEqual([step, true]);

    const { text } = await c.ask("/metrics");
    for (const state of states) expect(text).toMatch(new RegExp(`^orco_repair_runs_total\\{status="${state}"\\} [1-9]`, "m"));
    expect(text).toMatch(/^orco_repair_steps_total\{(?=[^}]*step="verify")(?=[^}]*outcome="failed")[^}]*\} 1$/m);
    expect(text).toMatch(/^orco_repair_mttr_seconds_count 1$/m);
    expect(text).toMatch(/^orco_repair_mttr_mean_seconds [\d.]+$/m);
    expect(text).toMatch(/^orco_repair_awaiting_approval 0$/m);
    expect(await Bun.file(c.rig.log).text()).toContain(`repair ${late}: ${c.rig.project}/good could not be rolled back`);
  });
});
