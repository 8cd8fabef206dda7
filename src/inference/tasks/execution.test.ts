import { expect, test } from "bun:test";
import { poolOf, type Rig, rigOfEach } from "./desk.fake.ts";

let rig: Rig;
rigOfEach((fresh) => (rig = fresh));

const askedOf = (replica: string): number => rig.engine.streams.filter(({ url }) => url === `http://${replica}`).length;
const breakers = (): (string | undefined)[] => ["r1", "r2"].map((id) => rig.desk.work.load("a").breakers?.get(id));

/** Whatever is asked of one of these replicas is refused at once. */
async function refuse(status: number, ...replicas: string[]): Promise<void> {
  for (let turn = 0; turn < 40; turn++) {
    for (const stream of rig.engine.streams)
      if (!stream.ended && replicas.some((id) => stream.url === `http://${id}`)) stream.fault("refused", { status });
    await rig.clock.advance(50);
  }
}

test.each([401, 403, 404, 405])(
  "a replica that answers %d does not swallow its pool: others take its tasks, and it is taken out",
  async (status) => {
    rig.pool(poolOf("a", { r1: 4, r2: 16 }));
    for (let n = 0; n < 12; n++) {
      await rig.desk.accept(rig.request());
      for (const stream of rig.engine.streams) if (!stream.ended && stream.url === "http://r1") stream.fault("refused", { status });
      await rig.clock.advance(10);
    }
    await refuse(status, "r1");
    expect(askedOf("r2")).toBe(12);
    expect(breakers()).toEqual(["open", "closed"]);
    // Of five in a row, and of those that it got before they were there.
    expect(askedOf("r1")).toBeLessThan(9);
    for (let n = 1; n <= 12; n++) expect(rig.desk.get(`t${n}`)).toMatchObject({ state: "running", replica_id: "r2" });
  },
);

test("who was refused by one waits for the other rather than to be refused again", async () => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  expect(rig.stream("t2").url).toBe("http://r2");
  await refuse(401, "r1");
  expect([rig.desk.get("t1").state, askedOf("r1")]).toEqual(["running", 1]);
  rig.stream("t2").finish();
  await rig.clock.advance(0);
  expect(rig.stream("t1").url).toBe("http://r2");
});

test("who waits for another is refused once that is gone", async () => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  await rig.desk.accept(rig.request());
  await rig.desk.accept(rig.request());
  await refuse(404, "r1");
  rig.pool(poolOf("a", { r1: 1 }));
  await refuse(404, "r1");
  expect(rig.desk.get("t1")).toMatchObject({ state: "failed", error: { code: "INVALID_PARAMS", retriable: false } });
});

test("where all refuse it is the request: one try each, and one of them is never taken out", async () => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  for (let n = 1; n <= 12; n++) {
    const before = rig.engine.streams.length;
    await rig.desk.accept(rig.request());
    await refuse(403, "r1", "r2");
    expect(rig.desk.get(`t${n}`)).toMatchObject({ state: "failed", error: { code: "INVALID_PARAMS", retriable: false } });
    expect(rig.engine.streams.length - before).toBeLessThanOrEqual(2);
    expect(breakers()).toContain("closed");
  }
});

test("where there is no other it is tried once and counts for nothing, like any other 4xx", async () => {
  rig.pool(poolOf("a", { r1: 1 }));
  for (let n = 1; n <= 8; n++) {
    await rig.desk.accept(rig.request());
    await refuse(n % 2 ? 401 : 400, "r1");
    expect(rig.desk.get(`t${n}`).error?.code).toBe("INVALID_PARAMS");
  }
  expect([askedOf("r1"), breakers()[0]]).toEqual([8, "closed"]);
});

test("what is wrong with the request itself is asked of nobody else", async () => {
  rig.pool(poolOf("a", { r1: 1, r2: 1 }));
  await rig.desk.accept(rig.request());
  await refuse(422, "r1");
  expect(rig.desk.get("t1").error?.code).toBe("INVALID_PARAMS");
  expect(askedOf("r2")).toBe(0);
});
