import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../until.ts";
import { runsRig, type SeenRun, sh, stepOf } from "./runs-rig.ts";
import type { Frame, Stream } from "./sse-reader.ts";

const rig = runsRig();

/** `n` of an id `<epochMs>-<n>`. */
function numberOf({ id = "" }: Frame): number {
  return Number(/^\d{13}-(\d+)$/.exec(id)?.[1] ?? NaN);
}

function oneTo(last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1);
}

async function wholeOf(id: string): Promise<Stream> {
  const stream = await rig.events(`/runs/${id}/events`);
  await stream.over;
  return stream;
}

async function checkpointed(id: string, count: number, from = 0): Promise<void> {
  for (let n = from; n < from + count; n++) await rig.post(`/runs/${id}/checkpoints`, { type: "tick", data: n });
}

/** A run that has ended, with so many checkpoints. */
async function endedRun(checkpoints: number): Promise<string> {
  const id = await rig.create({});
  await checkpointed(id, checkpoints);
  await rig.delete(`/runs/${id}`);
  return id;
}

describe("the stream of a run", () => {
  test("says hello, then everything once, in order, and end", async () => {
    const go = join(rig.dir, "go");
    const id = await rig.plan([
      sh(
        "a",
        `echo '{"type":"checkpoint","data":1}'; echo '{"type":"progress","percent":50,"message":"half"}'; while [ ! -e ${go} ]; do sleep 0.02; done`,
      ),
      sh("b", "false", { needs: ["a"] }),
    ]);
    const stream = await rig.events(`/runs/${id}/events`);
    const { headers } = stream.response;
    expect(headers.get("content-type")).toContain("text/event-stream");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    await Bun.write(go, "");
    await stream.over;
    const [hello, ...rest] = stream.frames;
    expect([hello?.event, hello?.data["runId"]]).toEqual(["hello", id]);
    expect(["pending", "running"]).toContain(String(hello?.data["status"]));
    expect([hello?.id, typeof hello?.data["last_seq"]]).toEqual([undefined, "number"]);
    expect(rest.at(-1)).toEqual({ event: "end", data: { runId: id, status: "failed" } });
    const numbered = rest.slice(0, -1);
    expect(numbered.map(numberOf)).toEqual(oneTo(numbered.length));
    expect(numbered.map(({ data }) => data["n"])).toEqual(oneTo(numbered.length));
    const seqs = numbered.map(({ data }) => Number(data["seq"]));
    expect(seqs.every((seq, at) => at === 0 || seq > (seqs[at - 1] ?? 0))).toBe(true);
    expect(numbered.every(({ data }) => data["runId"] === id)).toBe(true);
    const statuses = numbered.filter(({ event }) => event === "status").map(({ data }) => data["status"]);
    expect(statuses).toEqual(["pending", "running", "failed"]);
    const steps = numbered
      .filter(({ event }) => event === "step")
      .map(({ data: { step, status, attempt } }) => `${String(step)} ${String(status)} ${String(attempt)}`);
    expect(steps.filter((text) => text.startsWith("a")).at(-1)).toBe("a completed 1");
    expect(steps.filter((text) => text.startsWith("b")).at(-1)).toBe("b failed 1");
    expect(JSON.stringify(numbered)).toContain('"percent":50');
    const checkpoint = numbered.find(({ event }) => event === "checkpoint");
    const { body } = await rig.get(`/runs/${id}/checkpoints`);
    const { seq: _, n: __, ...told } = checkpoint?.data ?? {};
    expect([told]).toEqual(body["checkpoints"] as never);
    const ts = Date.parse(String(checkpoint?.data["ts"]));
    expect(Math.abs(Number(checkpoint?.id?.split("-")[0]) - ts)).toBeLessThan(10_000);
  });

  test("of one that has ended is the same; who has seen the end gets 204", async () => {
    const id = await endedRun(3);
    const { frames } = await wholeOf(id);
    expect(frames[0]?.data).toMatchObject({ status: "canceled", last_seq: frames.length - 2 });
    const last = frames.at(-2)?.id ?? "";
    for (const headers of [{ "last-event-id": last }]) expect((await fetch(`${rig.url}/runs/${id}/events`, { headers })).status).toBe(204);
    expect((await fetch(`${rig.url}/runs/${id}/events?lastEventId=${last}`)).status).toBe(204);
    const before = await rig.events(`/runs/${id}/events`, { "last-event-id": frames.at(-3)?.id ?? "" });
    await before.over;
    expect(before.frames.map(({ event }) => event)).toEqual(["hello", "status", "end"]);
  });

  test("goes on after any id, after a time, with the last N; nothing lost or twice", async () => {
    const id = await endedRun(12);
    const all = (await wholeOf(id)).numbered;
    const after = async (query: string, headers = {}): Promise<number[]> => {
      const stream = await rig.events(`/runs/${id}/events${query}`, headers);
      await stream.over;
      return stream.numbered.map(numberOf);
    };
    for (const [at, { id: last }] of all.entries())
      if (at < all.length - 1) expect(await after("", { "last-event-id": last })).toEqual(oneTo(all.length).slice(at + 1));
    expect(await after("?replay=3")).toEqual(oneTo(all.length).slice(-3));
    expect(await after("?replay=0")).toEqual([]);
    expect(await after("?replay=-5")).toEqual([]);
    expect(await after("?replay=99999")).toEqual(oneTo(all.length));
    expect(await after(`?replay=1&lastEventId=${all[4]?.id ?? ""}`)).toEqual(oneTo(all.length).slice(5));
    expect(await after(`?lastEventId=${all[9]?.id ?? ""}`, { "last-event-id": all[4]?.id ?? "" })).toEqual(oneTo(all.length).slice(5));
    const ms = Number(all[6]?.id.split("-")[0]);
    const later = all.filter(({ id: one }) => Number(one.split("-")[0]) > ms).map(numberOf);
    for (const time of [String(ms), new Date(ms).toISOString(), new Date(ms).toISOString().replace("Z", "+00:00")])
      expect(await after(`?lastEventId=${encodeURIComponent(time)}`)).toEqual(later);
  });

  test("replay has at most 1000", async () => {
    const id = await rig.create({});
    for (let n = 0; n < 2; n++) {
      const { body } = await rig.post(`/runs/${id}/claim`, { worker: "w" });
      const headers = { authorization: `Bearer ${String(body["token"])}` };
      await rig.post(`/runs/${id}/report`, { checkpoints: Array.from({ length: 600 }, (_, at) => ({ type: "t", data: at })) }, { headers });
      await rig.post(`/runs/${id}/heartbeat`, { release: true }, { headers });
    }
    await rig.delete(`/runs/${id}`);
    const all = (await wholeOf(id)).numbered.length;
    expect(all).toBeGreaterThan(1200);
    const stream = await rig.events(`/runs/${id}/events?replay=5000`);
    await stream.over;
    expect(stream.numbered.map(numberOf)).toEqual(oneTo(all).slice(-1000));
  });

  test("refuses ids that are none; an id of another history is a reset", async () => {
    const id = await rig.create({});
    await checkpointed(id, 5);
    for (const bad of ["garbage", "1-", "-1", "1-2-3", "2026-13-01T00:00:00Z", "1e3", "١-٢", "9".repeat(16)])
      expect([bad, (await rig.get(`/runs/${id}/events?lastEventId=${encodeURIComponent(bad)}`)).body["code"]]).toEqual([bad, "invalid"]);
    expect((await rig.get(`/runs/${id}/events?replay=x`)).status).toBe(400);
    const other = await rig.create({});
    const foreign = await rig.events(`/runs/${other}/events`);
    const { id: theirs = "" } = await foreign.when(({ event }) => event === "status");
    foreign.close();
    for (const last of [`${Date.now()}-99999`, theirs, "1-3"]) {
      const stream = await rig.events(`/runs/${id}/events`, { "last-event-id": last });
      await until("the rest", () => stream.numbered.length >= 6);
      stream.close();
      expect([last, ...stream.frames.slice(0, 2).map(({ event }) => event)]).toEqual([last, "hello", "reset"]);
      expect(stream.numbered.map(numberOf)).toEqual(oneTo(6));
    }
  });

  test("survives a daemon that is killed: by id nothing is lost or twice", async () => {
    const id = await rig.create({});
    await checkpointed(id, 3);
    const first = await rig.events(`/runs/${id}/events`);
    await first.when(({ data }) => data["data"] === 2);
    await rig.again();
    await first.over;
    expect(first.frames.some(({ event }) => event === "end")).toBe(false);
    await checkpointed(id, 3, 3);
    const second = await rig.events(`/runs/${id}/events`, { "last-event-id": first.numbered.at(-1)?.id ?? "" });
    await checkpointed(id, 2, 6);
    await rig.delete(`/runs/${id}`);
    await second.over;
    const ticks = [...first.numbered, ...second.numbered].filter(({ event }) => event === "checkpoint").map(({ data }) => data["data"]);
    expect(ticks).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...first.numbered, ...second.numbered].map(numberOf)).toEqual(oneTo(10));
  });

  test("a cancel is told before the end, and nothing after", async () => {
    const id = await rig.plan([sh("a", "trap '' TERM; while :; do sleep 0.02; done", { grace_ms: 200 })]);
    await rig.stepWhen(id, "a", "running");
    const stream = await rig.events(`/runs/${id}/events`);
    await rig.delete(`/runs/${id}`);
    await stream.over;
    const statuses = stream.numbered.filter(({ event }) => event === "status").map(({ data }) => data["status"]);
    expect(statuses.at(-1)).toBe("canceled");
    expect(stream.frames.at(-2)?.event).toBe("status");
    expect(stream.frames.at(-1)).toEqual({ event: "end", data: { runId: id, status: "canceled" } });
    const steps = stream.numbered.filter(({ event, data }) => event === "step" && data["step"] === "a");
    expect(steps.at(-1)?.data["status"]).toBe("canceled");
    expect(stepOf((await rig.get(`/runs/${id}`)).body["run"] as SeenRun, "a").status).toBe("canceled");
  });

  test("data with line breaks stays one frame", async () => {
    const id = await rig.create({});
    const evil = "x\r\n\r\nevent: end\ndata: {}\n\n\u2028";
    await rig.post(`/runs/${id}/checkpoints`, { type: evil, data: evil });
    await rig.delete(`/runs/${id}`);
    const { frames } = await wholeOf(id);
    expect(frames.map(({ event }) => event)).toEqual(["hello", "status", "checkpoint", "status", "end"]);
    expect(frames[2]?.data).toMatchObject({ type: evil, data: evil });
  });
});

describe("/events", () => {
  test("has the events of several runs in one stream, by global seq", async () => {
    const [a, b, c] = [await rig.create({}), await rig.create({}), await rig.create({})];
    const stream = await rig.events(`/events?topic=run/${a},run/${b}`);
    for (const id of [a, c, b, a]) await checkpointed(id, 1);
    await rig.delete(`/runs/${b}`);
    await stream.when(({ data }) => data["status"] === "canceled");
    stream.close();
    expect(stream.numbered.map(({ data }) => data["runId"])).toEqual([a, b, a, b, a, b]);
    const seqs = stream.numbered.map(({ id, data }) => [Number(id.split("-")[1]), data["seq"]]);
    expect(seqs.every(([inId, seq]) => inId === seq)).toBe(true);
    expect(stream.numbered.map(({ event }) => event)).toEqual(["status", "status", "checkpoint", "checkpoint", "checkpoint", "status"]);
    const again = await rig.events(`/events?topic=run/${a},run/${b}`, { "last-event-id": stream.numbered[2]?.id ?? "" });
    await again.when(({ data }) => data["status"] === "canceled");
    again.close();
    expect(again.numbered).toEqual(stream.numbered.slice(3));
    expect((await rig.get("/events?topic=run%20x")).status).toBe(400);
  });

  test("ends for nobody because a run ends", async () => {
    const id = await rig.create({});
    const stream = await rig.events("/events?topic=run/*&replay=0");
    await rig.delete(`/runs/${id}`);
    await stream.when(({ data }) => data["runId"] === id && data["status"] === "canceled");
    const next = await rig.create({});
    await stream.when(({ data }) => data["runId"] === next);
    stream.close();
    expect(stream.frames.some(({ event }) => event === "end")).toBe(false);
  });
});
