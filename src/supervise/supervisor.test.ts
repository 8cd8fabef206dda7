import { expect, test } from "bun:test";
import { FakeWorld } from "../../test/chaos/fake-world.ts";
import { slotOf } from "../../test/spec.ts";
import { FakeClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Slot } from "./instance.ts";
import type { SupervisorPorts } from "./supervised.ts";
import { Supervisor } from "./supervisor.ts";

const POLICY = { condition: "always", maxRetries: 0, resetAfterMs: 60_000, backoff: { minMs: 1000, maxMs: 1000, factor: 1 } } as const;
const CLOSED = { open: false, waitingFor: "db (ready)", why: "api blocked", timeoutMs: 5000 } as const;

function supervise(world: FakeWorld, slot: Partial<Slot> = {}): Supervisor {
  const pending = { state: "Pending", ready: false, reason: "initial_start", ...slot } as const;
  const supervisor = new Supervisor(slotOf("api", pending), world.ports, () => undefined);
  supervisor.start();
  return supervisor;
}

test.each(["restart", "start"] as const)("%s of a service that gave up on its dependency waits for it anew", async (how) => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  world.gate = CLOSED;
  const supervisor = supervise(world);
  await world.clock.advance(5000);
  expect(supervisor.slot).toMatchObject({ state: "Failed", reason: "dependency_blocked" });
  await (how === "restart" ? supervisor.restart("restart") : supervisor.want("run", "start"));
  expect(world.stored).toMatchObject({ state: "Pending" });
  await world.clock.advance(4999);
  expect(supervisor.slot).toMatchObject({ state: "Pending", message: "waiting for db (ready)" });
  await world.clock.advance(1);
  expect(supervisor.slot).toMatchObject({ state: "Failed", reason: "dependency_blocked" });
  world.gate = { open: true };
  supervisor.poke();
  await world.clock.advance(0);
  expect(supervisor.slot).toMatchObject({ state: "Running", ready: true });
});

test("who asked for a start sees no former failure once the wish is on disk", async () => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  const supervisor = supervise(world);
  await world.clock.advance(0);
  await world.crash();
  await world.clock.advance(1000);
  expect(world.stored).toMatchObject({ state: "Failed", reason: "retries_exhausted" });
  await supervisor.want("run", "start");
  expect(["Pending", "Starting", "Running"]).toContain(String(world.stored?.state));
});

test("a wish while it waits for a dependency does not keep the loop busy", async () => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  let asked = 0;
  const ports = {
    ...world.ports,
    gate: () => {
      asked++;
      return CLOSED;
    },
  };
  const supervisor = new Supervisor(slotOf("api", { state: "Pending", ready: false }), ports, () => undefined);
  supervisor.start();
  await supervisor.restart("restart");
  await world.clock.advance(100);
  expect(asked).toBeLessThan(10);
});

test("a start that fills the disk does not count, and is not tried again before as long has passed as it took", async () => {
  const world = new FakeWorld(new FakeClock(), POLICY);
  let begun = 0;
  const ports: SupervisorPorts = {
    ...world.ports,
    prepare: async () => {
      begun++;
      await world.clock.sleep(20_000);
      throw new OrcoError("disk_full", "no space left for the image");
    },
  };
  const supervisor = new Supervisor(slotOf("api", { state: "Pending", ready: false }), ports, () => undefined);
  supervisor.start();
  await world.clock.advance(119_000);
  expect(begun).toBe(3);
  expect(supervisor.slot).toMatchObject({ state: "Pending", restarts: 0, retries: 0, message: "no space left for the image" });
});
