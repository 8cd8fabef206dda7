import { expect, test } from "bun:test";
import { DEFAULT_TIMEOUTS, type Front } from "../../edge/route.ts";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { FrontSync } from "./sync.ts";
import { FakeTraffic } from "./traffic.fake.ts";
import { withdraw } from "./withdraw.ts";

function front(id: string, holdTimeoutMs = 1): Front {
  const listen = { address: "127.0.0.1", port: 80, protocol: "tcp" as const };
  return { id, listen, balance: "round-robin", targets: [], holdTimeoutMs, timeouts: DEFAULT_TIMEOUTS };
}

function rig(): { traffic: FakeTraffic; clock: FakeClock; wanted: Map<string, Front[]>; sync: FrontSync } {
  const [traffic, clock, wanted] = [new FakeTraffic(), new FakeClock(), new Map<string, Front[]>()];
  const sync = new FrontSync({ traffic, clock, wanted: (service) => wanted.get(service) ?? [], onChange: () => undefined });
  return { traffic, clock, wanted, sync };
}

test("nothing is put before every slot is known; then only what differs", async () => {
  const { traffic, wanted, sync, clock } = rig();
  wanted.set("api", [front("a")]);
  sync.poke("api");
  await clock.advance(0);
  expect(traffic.calls).toEqual([]);
  sync.start();
  await sync.served("api");
  await sync.served("api");
  expect(traffic.calls).toEqual(["put a"]);
  wanted.set("api", [front("a", 2), front("b")]);
  await sync.served("api");
  wanted.set("api", [front("b")]);
  await sync.served("api");
  expect(traffic.calls).toEqual(["put a", "put a,b", "remove a"]);
});

test("changes of one turn are one put, and what changes while it is under way is the next", async () => {
  const { traffic, wanted, sync, clock } = rig();
  sync.start();
  const slow = Promise.withResolvers<void>();
  traffic.acknowledged = slow.promise;
  for (const holdMs of [1, 2, 3]) {
    wanted.set("api", [front("a", holdMs)]);
    sync.poke("api");
  }
  await clock.advance(0);
  wanted.set("api", [front("a", 4)]);
  const served = sync.served("api");
  await clock.advance(0);
  expect(traffic.calls).toEqual(["put a"]);
  slow.resolve();
  await served;
  expect([traffic.calls.length, traffic.table.get("a")?.holdTimeoutMs]).toEqual([2, 4]);
});

test("a port that is held is the service's trouble, with its holder, and tried again until it is free", async () => {
  const { traffic, wanted, sync, clock } = rig();
  sync.start();
  traffic.refusal = new OrcoError("port_in_use", "port 80 is held by pid 7");
  wanted.set("api", [front("a")]);
  expect(await sync.served("api").catch(String)).toContain("held by pid 7");
  expect(sync.trouble("api")).toBe(traffic.refusal);
  traffic.refusal = undefined;
  await clock.advance(1000);
  expect(sync.trouble("api")).toBeUndefined();
  expect([...traffic.table.keys()]).toEqual(["a"]);
  expect(clock.pendingTimers).toBe(0);
});

test("the daemon's leave takes nothing out; the stack's end does", async () => {
  const { traffic, wanted, sync } = rig();
  sync.start();
  wanted.set("api", [front("a")]);
  await sync.served("api");
  sync.close();
  wanted.set("api", []);
  await sync.served("api");
  expect([...traffic.table.keys()]).toEqual(["a"]);
  await sync.removeAll();
  expect([...traffic.table.keys()]).toEqual([]);
});

test("a withdrawal ends when nothing is in flight, at once when forced, and at the latest a little after the drain timeout", async () => {
  const { traffic, sync, clock } = rig();
  sync.start();
  const begin = (force = new AbortController().signal, serves: Pick<FrontSync, "served"> = sync): { ended: boolean } => {
    const state = { ended: false };
    const withdrawal = { service: "api", targets: ["i0"], drainTimeoutMs: 500, force };
    void withdraw(withdrawal, { traffic, sync: serves, clock }).then(() => (state.ended = true));
    return state;
  };
  const busy = Promise.withResolvers<void>();
  traffic.busy.set("i0", busy);
  const forced = new AbortController();
  const [patient, hurried] = [begin(), begin(forced.signal)];
  await clock.advance(400);
  expect([patient.ended, hurried.ended]).toEqual([false, false]);
  forced.abort();
  await clock.advance(0);
  expect([patient.ended, hurried.ended]).toEqual([false, true]);
  busy.resolve();
  await clock.advance(0);
  expect(patient.ended).toBe(true);
  const stuck = begin(undefined, { served: () => Promise.reject(new Error("disk full")) });
  await clock.advance(2400);
  expect(stuck.ended).toBe(false);
  await clock.advance(100);
  expect([stuck.ended, clock.pendingTimers]).toEqual([true, 0]);
});
