import { expect, test } from "bun:test";
import { DEFAULT_HOLD_TIMEOUT_MS, DEFAULT_TIMEOUTS, type Front } from "../edge/route.ts";
import type { Traffic } from "../edge/traffic.ts";
import { FakeClock } from "../kernel/clock.ts";
import { slotOf } from "../../test/spec.ts";
import { AppTraffic } from "./app-traffic.ts";

function frontTo(...targets: readonly string[]): Front {
  return {
    id: "app/blog",
    listen: { address: "127.0.0.1", port: 8080, protocol: "http" },
    balance: "round-robin",
    targets: targets.map((id) => ({ id, host: "127.0.0.1", port: 3000, weight: 1, state: "active" })),
    holdTimeoutMs: DEFAULT_HOLD_TIMEOUT_MS,
    timeouts: DEFAULT_TIMEOUTS,
  };
}

/** An edge whose table fails to be written as often as it is told. */
class Table implements Traffic {
  readonly story: string[] = [];
  failures = 0;
  served: Front | undefined;

  async put([front]: readonly Front[]): Promise<void> {
    const said = `put ${front?.targets.map(({ id }) => id).join(" ")}`;
    await new Promise(setImmediate);
    this.story.push(this.failures > 0 ? `${said} fails` : said);
    if (this.failures-- > 0) throw new Error("no room");
    this.served = front;
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.story.push(`remove ${ids.join(" ")}`);
    this.served = undefined;
  }

  async drained(target: string): Promise<{ cut: number }> {
    this.story.push(`drained ${target}`);
    return { cut: 0 };
  }

  front(): Front | undefined {
    return this.served;
  }

  async prune(): Promise<void> {
    // nothing is anybody else's here
  }
}

function setUp(served?: Front) {
  const clock = new FakeClock();
  const table = new Table();
  table.served = served;
  const world = { wanted: undefined as Front | undefined, errors: [] as unknown[] };
  const onError = (error: unknown): void => void world.errors.push(error);
  const traffic = new AppTraffic({ app: "blog", traffic: table, clock, wanted: () => world.wanted, onError });
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  };
  return { table, world, traffic, pass };
}

test("nothing is put before all of the app is known; what a former daemon put is put once more", async () => {
  const { table, world, traffic, pass } = setUp(frontTo("a"));
  traffic.refresh();
  await pass(0);
  expect(table.story).toEqual([]);
  world.wanted = frontTo("a");
  traffic.open();
  await pass(0);
  traffic.refresh();
  await pass(0);
  expect(table.story).toEqual(["put a"]);
  world.wanted = undefined;
  traffic.refresh();
  await pass(0);
  expect(table.story).toEqual(["put a", "remove app/blog"]);
});

test("a front that could not be put is tried again, whoever asked for it, as it is wanted then", async () => {
  const { table, world, traffic, pass } = setUp();
  traffic.open();
  world.wanted = frontTo("a");
  table.failures = 2;
  expect(await traffic.sync().catch(String)).toBe("Error: no room");
  world.wanted = frontTo("b");
  await pass(1000);
  await pass(1000);
  expect(table.story).toEqual(["put a fails", "put b fails", "put b"]);
  expect(world.errors).toHaveLength(1);
});

test("what changes while the table is written is put next, also when that write fails", async () => {
  const { table, world, traffic, pass } = setUp();
  traffic.open();
  world.wanted = frontTo("a");
  table.failures = 1;
  const first = traffic.sync().catch(() => "failed");
  world.wanted = frontTo("b");
  const second = traffic.sync();
  expect(await first).toBe("failed");
  await second;
  world.wanted = frontTo("c");
  traffic.refresh();
  world.wanted = frontTo("d");
  traffic.refresh();
  await pass(0);
  expect(table.story).toEqual(["put a fails", "put b", "put c", "put d"]);
});

test("an instance leaves the table before it is drained; one that was never there is not waited for", async () => {
  const { table, world, traffic } = setUp(frontTo("a", "b"));
  traffic.open();
  world.wanted = frontTo("b");
  const { signal } = new AbortController();
  await traffic.withdraw(slotOf("blue", { instance: "stranger" }), signal);
  table.story.length = 0;
  world.wanted = {
    ...frontTo("b"),
    targets: frontTo("b", "a").targets.map((one) => (one.id === "a" ? { ...one, state: "draining" } : one)),
  };
  await traffic.withdraw(slotOf("blue", { instance: "a" }), signal);
  expect(table.story).toEqual(["put b a", "drained a"]);
});

test("an app that was removed puts nothing back, not even what had failed", async () => {
  const { table, world, traffic, pass } = setUp();
  traffic.open();
  world.wanted = frontTo("a");
  table.failures = 1;
  await traffic.sync().catch(() => undefined);
  await traffic.remove();
  traffic.refresh();
  await pass(5000);
  expect(table.story).toEqual(["put a fails", "remove app/blog"]);
});
