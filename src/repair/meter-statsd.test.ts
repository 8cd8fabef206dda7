import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { StatsdMeter } from "./meter-statsd.ts";
import { allMeters } from "./meter.ts";
import { REPAIR_STATUSES, STEP_NAMES } from "./record.ts";

/** Somebody who listens, and how to wait for so many datagrams. */
async function listener(): Promise<{ port: number; told: (count: number) => Promise<string[]>; socket: Socket }> {
  const socket = createSocket("udp4");
  const got: string[] = [];
  let wake: () => void = () => undefined;
  socket.on("message", (message) => {
    got.push(...message.toString().trim().split("\n"));
    wake();
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const told = async (count: number): Promise<string[]> => {
    while (got.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return got;
  };
  return { port: socket.address().port, told, socket };
}

function meterTo(port: number, more: { prefix?: string; host?: string } = {}) {
  const errors: unknown[] = [];
  const meter = new StatsdMeter({
    host: "127.0.0.1",
    port,
    prefix: "moonmind.orchestrator",
    onError: (error) => errors.push(error),
    ...more,
  });
  return { meter, errors };
}

test("every status is counted, what is queued by its service too, and how long those that are over took", async () => {
  const { port, told, socket } = await listener();
  const { meter, errors } = meterTo(port);
  for (const status of REPAIR_STATUSES) meter.status({ id: "1", service: "api" }, status, status === "succeeded" ? 1234.6 : undefined);
  const counted = REPAIR_STATUSES.map((status) => `moonmind.orchestrator.runs.status.${status}:1|c`);
  const rest = [
    "moonmind.orchestrator.runs.queued:1|c",
    "moonmind.orchestrator.runs.queued.service.api:1|c",
    "moonmind.orchestrator.runs.duration.succeeded:1235|ms",
  ];
  expect((await told(12)).toSorted()).toEqual([...counted, ...rest].toSorted());
  await meter.close();
  socket.close();
  expect(errors).toEqual([]);
});

test("steps are counted by how they ended, and timed", async () => {
  const { port, told, socket } = await listener();
  const { meter } = meterTo(port, { prefix: "orco." });
  const both = allMeters(meter);
  for (const name of STEP_NAMES) both.step(name, "started");
  both.step("build", "succeeded", 20);
  both.step("verify", "failed", 30);
  both.step("rollback", "skipped");
  const got = await told(11);
  expect(got.slice(0, 6)).toEqual(STEP_NAMES.map((name) => `orco.steps.${name}.started:1|c`));
  expect(got.slice(6).toSorted()).toEqual([
    "orco.steps.build.duration:20|ms",
    "orco.steps.build.succeeded:1|c",
    "orco.steps.rollback.skipped:1|c",
    "orco.steps.verify.duration:30|ms",
    "orco.steps.verify.failed:1|c",
  ]);
  await meter.close();
  socket.close();
});

test("names of services say nothing to StatsD but what they are", async () => {
  const { port, told, socket } = await listener();
  const { meter } = meterTo(port);
  meter.status({ id: "1", service: "shop/api.v1:2|c\n#x" }, "queued");
  expect(await told(3)).toContain("moonmind.orchestrator.runs.queued.service.shop_api_v1_2_c__x:1|c");
  await meter.close();
  socket.close();
});

test("nobody there, or no such host, hurts nobody, and is told once", async () => {
  const { port, socket } = await listener();
  socket.close();
  const silent = meterTo(port);
  const nowhere = meterTo(port, { host: "statsd.invalid" });
  for (const { meter } of [silent, nowhere]) {
    for (let n = 0; n < 20; n++) meter.status({ id: "1", service: "api" }, "running");
    await meter.close();
    meter.step("build", "started");
  }
  expect(silent.errors.length).toBeLessThanOrEqual(1);
  await until("it is told", () => nowhere.errors.length > 0, 15_000);
  expect(nowhere.errors).toHaveLength(1);
});
