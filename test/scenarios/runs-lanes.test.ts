import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Fields, runsRig, type SeenRun, sh } from "./runs-rig.ts";

const rig = runsRig();
const narrow = runsRig({ ORCO_MAX_RUNS: "1" });

const waits = [{ id: "w", wait_for: "go" }];

async function go(id: string): Promise<SeenRun> {
  await rig.post(`/runs/${id}/signals/go`, {});
  return rig.ended(id);
}

function laned(key: string, more: Fields = {}): Fields {
  return { plan: { steps: waits }, concurrency_key: key, ...more };
}

describe("a lane", () => {
  test("queues: one after the other, by priority, then by age", async () => {
    const first = await rig.create(laned("q"));
    await rig.stepWhen(first, "w", "waiting");
    const low = await rig.create(laned("q", { priority: -1 }));
    const middle = await rig.create(laned("q"));
    const high = await rig.create(laned("q", { priority: 10 }));
    const other = await rig.create(laned("another"));
    await rig.stepWhen(other, "w", "waiting");
    for (const id of [low, middle, high]) expect((await rig.run(id)).status).toBe("pending");
    await rig.again();
    for (const [done, next] of [
      [first, high],
      [high, middle],
      [middle, low],
    ] as const) {
      await go(done);
      await rig.stepWhen(next, "w", "waiting");
    }
    expect((await go(low)).status).toBe("completed");
    await go(other);
  });

  test("lets as many in as it says", async () => {
    const of = () => rig.create(laned("two", { concurrency: { limit: 2 } }));
    const [a, b, c] = [await of(), await of(), await of()];
    await rig.stepWhen(a, "w", "waiting");
    await rig.stepWhen(b, "w", "waiting");
    expect((await rig.run(c)).status).toBe("pending");
    await rig.delete(`/runs/${a}`);
    await rig.stepWhen(c, "w", "waiting");
    await go(b);
    await go(c);
  });

  test("rejects: 409 busy, with who is in it", async () => {
    const body = laned("r", { concurrency: { policy: "reject" } });
    const first = await rig.create(body);
    const refused = await rig.post("/runs", body);
    expect([refused.status, refused.body["code"], refused.body["run"]]).toEqual([409, "busy", first]);
    const crowd = await Promise.all(Array.from({ length: 8 }, () => rig.post("/runs", { ...body, concurrency_key: "r2" })));
    expect(crowd.filter(({ status }) => status === 201)).toHaveLength(1);
    await go(first);
    expect((await rig.post("/runs", body)).status).toBe(201);
  });

  test("replaces: the former is canceled, the new one goes", async () => {
    const body = laned("p", { concurrency: { policy: "replace" } });
    const first = await rig.create(body);
    await rig.stepWhen(first, "w", "waiting");
    const second = await rig.create(body);
    const replaced = await rig.ended(first);
    expect(replaced.status).toBe("canceled");
    expect(
      (await rig.events(`/runs/${first}/events`).then(async (stream) => (await stream.over, stream))).frames.at(-2)?.data["reason"],
    ).toContain(second);
    await rig.stepWhen(second, "w", "waiting");
    await go(second);
  });

  test("holds workers back as well", async () => {
    const [a, b] = [await rig.create({ concurrency_key: "x" }), await rig.create({ concurrency_key: "x" })];
    const { body } = await rig.post(`/runs/${a}/claim`, { worker: "w" });
    const early = await rig.post(`/runs/${b}/claim`, { worker: "w" });
    expect([early.status, early.body["code"]]).toEqual([409, "busy"]);
    await rig.post(`/runs/${a}/finish`, { status: "completed" }, { headers: { authorization: `Bearer ${String(body["token"])}` } });
    expect((await rig.post(`/runs/${b}/claim`, { worker: "w" })).status).toBe(200);
  });

  test("says what is wrong with what it is asked", async () => {
    for (const body of [
      { concurrency: { limit: 1 } },
      { concurrency_key: "" },
      { concurrency_key: "k", concurrency: { limit: 0 } },
      { concurrency_key: "k", concurrency: { policy: "drop" } },
    ])
      expect([body, (await rig.post("/runs", body)).status]).toEqual([body, 400]);
  });
});

test("so many runs at once and no more, the most important first; one that only waits for somebody holds no place", async () => {
  const [order, begun] = [join(narrow.dir, "order"), join(narrow.dir, "begun")];
  const idle = await narrow.plan([{ id: "w", wait_for: "go" }]);
  await narrow.stepWhen(idle, "w", "waiting");
  const first = await narrow.plan([sh("a", `while [ ! -e ${begun} ]; do sleep 0.02; done`)]);
  await narrow.stepWhen(first, "a", "running");
  const made: string[] = [];
  for (const priority of [0, 5, -5, 5]) made.push(await narrow.plan([sh("a", `echo ${made.length} >> ${order}`)], { priority }));
  for (const id of made) expect((await narrow.run(id)).status).toBe("pending");
  expect((await narrow.post(`/runs/${await narrow.create({})}/claim`, { worker: "w" })).status).toBe(200);
  await Bun.write(begun, "");
  for (const id of made) expect((await narrow.ended(id)).status).toBe("completed");
  expect(readFileSync(order, "utf8")).toBe("1\n3\n0\n2\n");
  await narrow.post(`/runs/${idle}/signals/go`, {});
  expect((await narrow.ended(idle)).status).toBe("completed");
});
