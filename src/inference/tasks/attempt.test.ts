import { afterEach, beforeEach, describe, expect, test } from "bun:test";
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

describe("while a circuit is open, a task that waits", () => {
  const predicted = (id: string): number => rig.desk.get(id).predicted_start_ms ?? Number.NaN;

  /** It has the first task, and its engine dies. */
  async function opened(): Promise<void> {
    await rig.desk.accept(rig.request());
    const { sink } = rig.stream("t1");
    sink.token("a");
    rig.stream("t1").fault("reset");
    await rig.clock.advance(0);
    expect(rig.desk.work.load("a").breakers?.get("r1")).toBe("open");
  }

  test("is predicted to start at the next probe at the earliest, and then once that has been heard of", async () => {
    rig.pool(poolOf("a", { r1: 2 }));
    await opened();
    const accepted = await rig.desk.accept(rig.request());
    expect([accepted.queue_position, accepted.predicted_start_ms]).toEqual([0, 10_000]);
    await rig.clock.advance(4000);
    expect(predicted("t2")).toBe(6000);
    await rig.desk.accept(rig.request());
    expect(predicted("t3")).toBe(6000);
    await rig.clock.advance(6100);
    expect(rig.desk.get("t2").state).toBe("running");
    expect(predicted("t3")).toBeGreaterThan(0);
    rig.stream("t2").sink.token("a");
    expect((await rig.desk.accept(rig.request())).predicted_start_ms).toBeGreaterThan(0);
  });

  test("is predicted to start on another replica where that is sooner", async () => {
    rig.pool(poolOf("a", { r1: 1, r2: 1 }));
    await opened();
    await rig.desk.accept(rig.request({ expectedTokens: 10 }));
    expect(rig.stream("t2").url).toBe("http://r2");
    await rig.desk.accept(rig.request());
    expect([predicted("t3") > 0, predicted("t3") < 5000]).toEqual([true, true]);
    await rig.clock.advance(9990);
    expect(predicted("t3")).toBe(10);
  });
});
