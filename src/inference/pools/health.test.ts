import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { Watch } from "./health.ts";
import { BookEngines } from "./registry.fake.ts";
import { Turns } from "./turns.ts";

const URL = "http://e:1";

function rig({
  turns = { usual: new Turns(8), silent: new Turns(8) },
  url = URL,
  engines = new BookEngines(),
  clock = new FakeClock(),
} = {}) {
  const seen: string[] = [];
  const counted: string[] = [];
  const state = { ours: 0 };
  const watch: Watch = new Watch(
    { url },
    {
      clock,
      adapter: engines,
      turns,
      inFlight: () => state.ours,
      onSeen: () => seen.push(`${watch.seen.live ? "live" : "dead"} ${watch.seen.ready ? "ready" : "unready"}`),
      counted: (outcome) => counted.push(outcome),
    },
  );
  void watch.look();
  return { clock, engines, watch, seen, counted, state };
}

test("asked at once, then twice a second until it is ready, and every two seconds from then on", async () => {
  const { clock, engines, watch, seen, counted } = rig();
  await clock.advance(0);
  expect(watch.seen).toMatchObject({ live: false, ready: false, detail: "connection refused" });
  await clock.advance(499);
  expect(engines.asked).toHaveLength(1);
  await clock.advance(1);
  expect(engines.asked).toHaveLength(2);
  engines.says.set(URL, { props: { models: ["m"] } });
  await clock.advance(500);
  expect(watch.seen).toEqual({ live: true, ready: true, props: { models: ["m"] } });
  await clock.advance(1999);
  expect(engines.asked).toHaveLength(3);
  await clock.advance(1);
  expect(engines.asked).toHaveLength(4);
  engines.says.delete(URL);
  await clock.advance(2000);
  expect(seen).toEqual(["dead unready", "live ready", "dead unready"]);
  expect(counted).toEqual(["error", "error", "ok", "ok", "error"]);
});

test("one that is silent is asked again after three seconds, never twice at a time; ready ones are given one silence", async () => {
  const { clock, engines, watch } = rig();
  engines.says.set(URL, {});
  await clock.advance(0);
  expect(watch.seen.ready).toBe(true);
  engines.silent.add(URL);
  await clock.advance(2000 + 2999);
  expect(engines.asked).toHaveLength(2);
  await clock.advance(1);
  expect(watch.seen.ready).toBe(true);
  await clock.advance(2000 + 3000);
  expect(watch.seen).toMatchObject({ live: false, ready: false, detail: "it did not answer within 3000 ms" });
  expect(engines.mostAtOnce).toBe(1);
});

test("many are asked, few at once", async () => {
  const [turns, engines, clock] = [{ usual: new Turns(3), silent: new Turns(3) }, new BookEngines(), new FakeClock()];
  const urls = Array.from({ length: 20 }, (_, n) => `http://e:${n}`);
  for (const url of urls) rig({ turns, engines, clock, url });
  await clock.advance(0);
  expect(engines.mostAtOnce).toBe(3);
  expect(new Set(engines.asked)).toEqual(new Set(urls));
});

test("what is not looked at any more is let go of: no timer, no question", async () => {
  const { clock, engines, watch } = rig();
  engines.silent.add(URL);
  await clock.advance(10);
  watch.close();
  await watch.first;
  await clock.advance(60_000);
  expect(engines.asked).toHaveLength(1);
  expect(engines.atOnce).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

test("busy slots beyond ours are somebody else's; what began or ended meanwhile is none", async () => {
  const { clock, engines, watch, state } = rig();
  const busy = (slotsFree: number): void => void engines.says.set(URL, { health: { slotsTotal: 4, slotsFree } });
  busy(1);
  state.ours = 1;
  await clock.advance(500);
  expect(watch.seen).toMatchObject({ slotsTotal: 4, slotsForeign: 2 });
  // Two of ours have ended, the engine has not noticed.
  state.ours = 0;
  await clock.advance(2000);
  expect(watch.seen.slotsForeign).toBe(2);
  busy(2);
  await clock.advance(2000);
  expect(watch.seen.slotsForeign).toBe(2);
  busy(4);
  await clock.advance(2000);
  expect(watch.seen.slotsForeign).toBe(0);
  // One of ours that the engine has not begun with yet.
  state.ours = 1;
  await clock.advance(2000);
  expect(watch.seen.slotsForeign).toBe(0);
});

test("what it serves is asked when it becomes ready and every ten seconds; while it does not say, what it said before counts", async () => {
  const { clock, engines, watch } = rig();
  engines.says.set(URL, { props: { models: ["a"], slots: 3 } });
  await clock.advance(500);
  expect(watch.seen.slotsTotal).toBe(3);
  engines.says.set(URL, { props: { models: ["b"] } });
  await clock.advance(9000);
  expect(watch.seen.props?.models).toEqual(["a"]);
  await clock.advance(2000);
  expect(watch.seen.props?.models).toEqual(["b"]);
  engines.says.set(URL, {});
  await clock.advance(12_000);
  expect(watch.seen).toMatchObject({ ready: true, props: { models: ["b"] }, detail: "it does not say what it serves: no such path" });
  engines.says.set(URL, { props: { models: ["c"] } });
  await watch.look();
  expect(watch.seen.props?.models).toEqual(["c"]);
});

test("of endless lists of models, and of names that are none, no more is kept than a node may report", async () => {
  const { clock, engines, watch } = rig();
  const models = ["", "a\u001B[31m", "x".repeat(501), ...Array.from({ length: 5000 }, (_, n) => `m${n}`)];
  engines.says.set(URL, { props: { models } });
  await clock.advance(500);
  expect(watch.seen.props?.models).toEqual(models.slice(3, 1003));
});
