import { afterEach, beforeEach, expect, test } from "bun:test";
import { poolOf, Rig } from "./desk.fake.ts";

let rig: Rig;

beforeEach(() => {
  rig = new Rig({ breaker: { failures: 1, openMs: 10_000 } });
});

afterEach(async () => {
  expect(rig.errors).toEqual([]);
  await rig.close();
});

test("an engine that sends only what cannot be read is given up", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  await rig.desk.accept(rig.request());
  for (let n = 0; n < 13; n++) {
    await rig.clock.advance(10_000);
    rig.engine.last.sink.skipped();
  }
  await rig.desk.cancel("t1");
  expect(rig.desk.get("t1").error).toMatchObject({ code: "DECODE_TIMEOUT" });
});

test("a task that is canceled while another probes lets no second probe through", async () => {
  rig.pool(poolOf("a", { r1: 3 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  rig.stream("t1").sink.token("a");
  rig.stream("t2").fault("reset");
  await rig.clock.advance(10_500);
  const probes = (): number => rig.engine.streams.length - 2;
  expect(probes()).toBe(1);
  await rig.desk.accept(rig.request());
  await rig.desk.cancel("t1");
  expect(probes()).toBe(1);
  rig.engine.last.sink.token("b");
  await rig.clock.advance(250);
  expect(probes()).toBe(2);
});
