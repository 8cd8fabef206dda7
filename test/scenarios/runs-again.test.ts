import { describe, expect, test } from "bun:test";
import { type Fields, type Reply, runsRig, sh } from "./runs-rig.ts";

const rig = runsRig();
let keys = 0;

function newKey(): string {
  return `key-${++keys}`;
}

function post(path: string, json: unknown, key: string): Promise<Reply> {
  return rig.post(path, json, { headers: { "idempotency-key": key } });
}

async function named(name: string): Promise<unknown[]> {
  return (await rig.get(`/runs?name=${name}`)).body["runs"] as unknown[];
}

describe("a request with an Idempotency-Key", () => {
  test("that is sent again is given the same answer, word for word, also after a crash", async () => {
    const key = newKey();
    const body = { name: "once", plan: { steps: [sh("a", "true")] } };
    const first = await post("/runs", body, key);
    expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([201, null]);
    for (let n = 0; n < 2; n++) {
      const again = await post("/runs", { plan: body.plan, name: "once" }, key);
      expect([again.status, again.text, again.headers.get("location"), again.headers.get("idempotency-replayed")]).toEqual([
        201,
        first.text,
        first.headers.get("location"),
        "true",
      ]);
      if (n === 0) await rig.again();
    }
    expect(await named("once")).toHaveLength(1);
  });

  test("and another body, or other query, is 422; another path is another request", async () => {
    const key = newKey();
    const id = String((await post("/runs", { name: "bound" }, key)).body["runId"]);
    for (const [path, json] of [
      ["/runs", { name: "other" }],
      ["/runs", {}],
      ["/runs?mode=plan", { name: "bound" }],
    ] as const)
      expect(await post(path, json, key).then(({ status, body }) => [path, status, body["code"]])).toEqual([path, 422, "unprocessable"]);
    const checkpoints = await Promise.all(
      [1, 2].map(async (n) => (await post(`/runs/${id}/checkpoints`, { type: "t" }, n === 1 ? key : newKey())).status),
    );
    expect(checkpoints).toEqual([201, 201]);
    expect(await named("other")).toHaveLength(0);
  });

  test("many at once make one run: the others are told to wait, or given its answer", async () => {
    const key = newKey();
    const replies = await Promise.all(Array.from({ length: 20 }, () => post("/runs", { name: "crowd" }, key)));
    const ids = new Set(replies.filter(({ status }) => status === 201).map(({ body }) => body["runId"]));
    expect(ids.size).toBe(1);
    for (const { status, headers, body } of replies)
      if (status !== 201) expect([status, body["code"], Number(headers.get("retry-after")) > 0]).toEqual([409, "conflict", true]);
    expect(await named("crowd")).toHaveLength(1);
  });

  test("is answered the same when the answer was a refusal", async () => {
    const key = newKey();
    const first = await post("/runs", { plan: { steps: [] } }, key);
    const again = await post("/runs", { plan: { steps: [] } }, key);
    expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toEqual([400, 400, "true"]);
    expect(again.body["code"]).toBe("invalid");
  });

  test("counts for retries, schedules, checkpoints and tickets as well", async () => {
    const run = await rig.create({});
    await rig.delete(`/runs/${run}`);
    const open = await rig.create({});
    const asks: [string, Fields][] = [
      [`/runs/${run}/retry`, {}],
      ["/schedules", { cron: "0 0 1 1 *", timezone: "UTC", run: { name: "yearly" }, catch_up: "skip" }],
      [`/runs/${open}/checkpoints`, { type: "t", data: 1 }],
    ];
    for (const [path, json] of asks) {
      const key = newKey();
      const [first, second] = [await post(path, json, key), await post(path, json, key)];
      expect([path, first.status, second.headers.get("idempotency-replayed"), second.text]).toEqual([path, 201, "true", first.text]);
    }
    expect((await rig.get(`/runs/${open}/checkpoints`)).body["checkpoints"]).toHaveLength(1);
    expect((await rig.get("/schedules")).body["schedules"]).toHaveLength(1);
    expect((await rig.get("/runs")).body["runs"]).toHaveLength(6);
  });

  test("has to be one", async () => {
    for (const key of ["", "x".repeat(256), "a b"])
      expect(await post("/runs", { name: "bad-key" }, key).then(({ status }) => [key.length, status])).toEqual([key.length, 400]);
    expect(await named("bad-key")).toHaveLength(0);
  });

  test("of requests whose daemon is killed under them makes nothing twice", async () => {
    const sent = Array.from({ length: 30 }, (_, n) => ({ key: newKey(), name: `killed-${n}` }));
    const first = Promise.allSettled(sent.map(({ key, name }) => post("/runs", { name }, key)));
    await rig.killDaemon();
    const before = await first;
    await rig.up();
    for (const [n, { key, name }] of sent.entries()) {
      const again = await post("/runs", { name }, key);
      expect(again.status).toBe(201);
      const was = before[n];
      if (was?.status === "fulfilled") expect(again.body["runId"]).toEqual(was.value.body["runId"]);
      expect(await named(name)).toHaveLength(1);
    }
  });
});

test("runs accepted before a crash are all there after it", async () => {
  const making = Array.from({ length: 40 }, (_, n) => rig.create({ name: "kept", metadata: { n } }).catch(() => undefined));
  await Promise.race(making);
  await rig.killDaemon();
  const acknowledged = (await Promise.all(making)).filter((id) => id !== undefined);
  await rig.up();
  const there = new Set(((await rig.get("/runs?name=kept&limit=500")).body["runs"] as { id: string }[]).map(({ id }) => id));
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(0);
});
