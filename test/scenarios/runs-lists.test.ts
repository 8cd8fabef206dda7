import { describe, expect, test } from "bun:test";
import { type Fields, runsRig, type SeenRun, sh, TIME } from "./runs-rig.ts";

const rig = runsRig();

interface Page {
  readonly ids: string[];
  readonly next?: string;
  readonly link: string | null;
}

async function page(query: string): Promise<Page> {
  const { status, body, headers, text } = await rig.get(`/runs?${query}`);
  if (status !== 200) throw new Error(`${status} ${text}`);
  const next = body["next_cursor"] as string | undefined;
  return { ids: (body["runs"] as SeenRun[]).map(({ id }) => id), ...(next !== undefined && { next }), link: headers.get("link") };
}

async function many(count: number, body: (n: number) => Fields): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await rig.create(body(n)));
  return ids;
}

describe("the list of runs", () => {
  test("is newest first, in pages that hold together by Link and by cursor", async () => {
    const ids = await many(7, () => ({ name: "paged" }));
    const wanted = ids.toReversed();
    const first = await page("name=paged&limit=3");
    expect(first.ids).toEqual(wanted.slice(0, 3));
    const target = /^<(\/runs\?[^>]+)>; rel="next"$/.exec(first.link ?? "")?.[1] ?? "";
    const later = await rig.create({ name: "paged" });
    const second = await page(target.slice("/runs?".length));
    expect(second.ids).toEqual(wanted.slice(3, 6));
    const third = await page(`name=paged&limit=3&cursor=${second.next ?? ""}`);
    expect(third).toEqual({ ids: wanted.slice(6), link: null });
    expect((await page("name=paged&limit=1")).ids).toEqual([later]);
    expect((await page("name=paged&limit=500")).ids).toEqual([later, ...wanted]);
    expect((await page("name=paged&limit=8")).next).toBeUndefined();
  });

  test("has bounds, and a cursor belongs to its filters", async () => {
    await many(2, () => ({ name: "bound" }));
    for (const limit of ["0", "501", "-1", "x", "1.5", ""]) expect((await rig.get(`/runs?limit=${limit}`)).status).toBe(400);
    const { next = "" } = await page("name=bound&limit=1");
    for (const query of [
      `cursor=${next}`,
      `name=other&cursor=${next}`,
      `name=bound&status=failed&cursor=${next}`,
      `name=bound&since=0&cursor=${next}`,
      "cursor=garbage",
      `cursor=${Buffer.from("[1]").toString("base64url")}`,
    ])
      expect([query, (await rig.get(`/runs?${query}`)).body["code"]]).toEqual([query, "invalid"]);
    expect((await rig.get(`/schedules?cursor=${next}`)).status).toBe(400);
  });

  test("is filtered by everything that the contract names", async () => {
    const before = Date.now();
    const done = await rig.plan([sh("a", "true")], { name: "filter-me" });
    await rig.ended(done);
    const failed = await rig.plan([sh("a", "false")], { name: "filter-me" });
    await rig.ended(failed);
    const open = await rig.create({ name: "filter-me" });
    const canceled = await rig.create({ name: "filter-me" });
    await rig.delete(`/runs/${canceled}`);
    const paused = await rig.create({ name: "filter-me" });
    await rig.post(`/runs/${paused}/pause`);
    const of = async (query: string): Promise<string[]> => (await page(`name=filter-me&${query}`)).ids;
    expect(await of("status=completed")).toEqual([done]);
    expect(await of("status=failed")).toEqual([failed]);
    expect(await of("status=pending")).toEqual([open]);
    expect(await of("status=canceled")).toEqual([canceled]);
    expect(await of("status=paused")).toEqual([paused]);
    expect(await of("status=running")).toEqual([]);
    expect(await of("kind=plan")).toEqual([failed, done]);
    expect(await of("kind=external")).toEqual([paused, canceled, open]);
    expect(await of("mode=redis")).toEqual([]);
    expect((await of("mode=local")).length).toBe(5);
    expect((await of("owner=api")).length).toBe(5);
    expect(await of("owner=nobody")).toEqual([]);
    expect((await of(`since=${before}`)).length).toBe(5);
    expect((await of(`since=${new Date(before).toISOString()}`)).length).toBe(5);
    expect(await of(`since=${Date.now() + 1000}`)).toEqual([]);
    for (const query of ["status=cancelled", "mode=plan", "since=yesterday", "nmae=x", "name=a&name=b"])
      expect([query, (await rig.get(`/runs?${query}`)).status]).toEqual([query, 400]);
  });

  test("names of SQL are names", async () => {
    const name = "x' OR 1=1 --";
    const id = await rig.create({ name });
    expect((await page(`name=${encodeURIComponent(name)}`)).ids).toEqual([id]);
  });
});

describe("a run", () => {
  test("has the fields of the contract, in each of its states", async () => {
    const metadata = { team: "data", nested: { list: [1, null, "ä\u2028"] } };
    const id = await rig.plan([sh("a", "true"), { id: "b", wait_for: "go", needs: ["a"] }], { name: "fields", metadata, priority: 3 });
    const waiting = await rig.stepWhen(id, "b", "waiting");
    expect(waiting).toMatchObject({
      id,
      kind: "plan",
      mode: "local",
      name: "fields",
      status: "running",
      owner: "api",
      attempt: 1,
      priority: 3,
    });
    expect(waiting["metadata"]).toEqual(metadata);
    expect(waiting["endedAt"]).toBeUndefined();
    expect(waiting.steps.map(({ id, status }) => [id, status])).toEqual([
      ["a", "completed"],
      ["b", "waiting"],
    ]);
    expect(waiting.waiting).toMatchObject({ step: "b", kind: "wait" });
    await rig.post(`/runs/${id}/signals/go`, { data: { n: 1 } });
    const ended = await rig.ended(id);
    expect(ended["endedAt"]).toMatch(TIME);
    expect([ended.status, ended.error, ended.waiting]).toEqual(["completed", undefined, undefined]);
  });

  test("of a worker is pending until it is claimed, and shows no secret of its lease", async () => {
    const id = await rig.create({ name: "w", external: true, plan: { steps: [sh("a", "true")] } });
    expect(await rig.run(id)).toMatchObject({ kind: "external", status: "pending", attempt: 0 });
    const { body } = await rig.post(`/runs/${id}/claim`, { worker: "me" });
    const { text } = await rig.get(`/runs/${id}`);
    expect(await rig.run(id)).toMatchObject({ status: "running", attempt: 1, worker: "me" });
    expect(text).not.toContain(String(body["token"]));
    expect(text).not.toMatch(/token/i);
  });
});

describe("checkpoints", () => {
  test("are oldest first, with after, limit, and pages", async () => {
    const id = await rig.create({});
    const made: string[] = [];
    for (let n = 0; n < 7; n++) made.push(String((await rig.post(`/runs/${id}/checkpoints`, { type: "t", data: n })).body["checkpointId"]));
    const list = async (query = "") => (await rig.get(`/runs/${id}/checkpoints${query}`)).body;
    const ids = (body: Fields) => (body["checkpoints"] as { id: string }[]).map(({ id }) => id);
    const all = await list();
    expect([all["runId"], ids(all), all["next_cursor"]]).toEqual([id, made, undefined]);
    expect(ids(await list(`?after=${made[2] ?? ""}`))).toEqual(made.slice(3));
    expect(ids(await list("?limit=2"))).toEqual(made.slice(0, 2));
    const paged = await list(`?after=${made[0] ?? ""}&limit=2`);
    expect(ids(paged)).toEqual(made.slice(1, 3));
    expect(ids(await list(`?limit=3&cursor=${String(paged["next_cursor"])}`))).toEqual(made.slice(3, 6));
    expect(ids(await list(`?after=${made[6] ?? ""}`))).toEqual([]);
    for (const query of ["?limit=0", "?limit=501", "?cursor=x", "?aftr=1"])
      expect([query, (await rig.get(`/runs/${id}/checkpoints${query}`)).status]).toEqual([query, 400]);
    const other = await rig.create({});
    expect((await rig.get(`/runs/${other}/checkpoints?cursor=${String(paged["next_cursor"])}`)).status).toBe(400);
    const [first] = all["checkpoints"] as Fields[];
    expect(first).toEqual({ id: made[0], runId: id, ts: first?.["ts"], type: "t", data: 0 });
    expect(first?.["ts"]).toMatch(TIME);
  });

  test("take every kind of data, and its absence; a ts of theirs too", async () => {
    const id = await rig.create({});
    const kinds = [null, false, 0, "", [], {}, { "a/b": ["\u0000", "\ud83d\ude00", 1e21, -0.5] }, "line\r\nbreak\u2028"];
    for (const data of kinds) expect((await rig.post(`/runs/${id}/checkpoints`, { type: "t", data })).status).toBe(201);
    expect((await rig.post(`/runs/${id}/checkpoints`, { type: "none", ts: "2026-01-02T03:04:05.678+02:00" })).status).toBe(201);
    const { body } = await rig.get(`/runs/${id}/checkpoints`);
    const seen = body["checkpoints"] as Fields[];
    expect(seen.slice(0, -1).map((one) => one["data"])).toEqual(kinds);
    expect(seen.at(-1)).not.toHaveProperty("data");
    expect(seen.at(-1)?.["ts"]).toBe("2026-01-02T01:04:05.678Z");
    for (const wrong of [{}, { type: "" }, { type: 1 }, { type: "t", ts: "noon" }, { type: "t", extra: 1 }, { type: "x".repeat(201) }])
      expect((await rig.post(`/runs/${id}/checkpoints`, wrong)).status).toBe(400);
    expect((await rig.post(`/runs/${id}/checkpoints`)).status).toBe(400);
  });

  test("have up to 900 kB of data, however it is written", async () => {
    const id = await rig.create({});
    const of = (bytes: number) => rig.post(`/runs/${id}/checkpoints`, { type: "big", data: "x".repeat(bytes) });
    expect((await of(900_000)).status).toBe(201);
    const escaped = `{"type":"big","data":"${"\\u0061".repeat(300_000)}"}`;
    expect((await rig.post(`/runs/${id}/checkpoints`, undefined, { raw: escaped })).status).toBe(201);
    for (const bytes of [901 * 1024, 1_500_000, 3_000_000])
      expect(await of(bytes).then(({ status, body }) => [bytes, status, body["code"]])).toEqual([bytes, 413, "too_large"]);
    expect((await rig.get(`/runs/${id}/checkpoints`)).body["checkpoints"]).toHaveLength(2);
  });

  test("are refused once the run has ended", async () => {
    const id = await rig.create({});
    await rig.delete(`/runs/${id}`);
    const { status, body } = await rig.post(`/runs/${id}/checkpoints`, { type: "late" });
    expect([status, body["code"], body["from"]]).toEqual([409, "conflict", "canceled"]);
  });
});
