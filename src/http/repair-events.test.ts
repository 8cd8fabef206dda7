import { afterEach, describe, expect, test } from "bun:test";
import { Client } from "../client/client.ts";
import type { JsonObject } from "../kernel/event.ts";
import { KEY, RepairSite, RUNS } from "./repair-site.fake.ts";

let site: RepairSite;
afterEach(() => site.server.dispose());

interface Frame {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A repair that is under way, also as a run. */
async function begun(): Promise<string> {
  site = new RepairSite();
  const { daemon } = site.server;
  daemon.outcome = undefined;
  const { id } = await daemon.begin("repair", "shop");
  site.repairs.save({ run_id: id, status: "running" });
  return id;
}

const happen = (id: string, ...events: readonly (readonly [type: string, data: JsonObject])[]): Promise<unknown> =>
  site.server.daemon.journal.append(events.map(([type, data]) => ({ topic: `run/${id}`, type, data })));

async function framesOf(response: Response): Promise<readonly Frame[]> {
  const blocks = (await response.text()).split("\n\n").filter((block) => block.includes("data: "));
  return blocks.map((block) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
    return { event: field("event") ?? "", id: field("id"), data: JSON.parse(field("data") ?? "null") as Frame["data"] };
  });
}

const STEPS = [
  ["repair.step", { step: "analyze", status: "in_progress", attempt: 1 }],
  ["repair.output", { step: "analyze", message: "one\ntwo" }],
  ["repair.step", { step: "analyze", status: "succeeded", attempt: 1, message: "found it" }],
  ["repair.status", { status: "awaiting_approval", message: "api is protected" }],
] as const;

describe("the stream of a repair", () => {
  test("has its steps, its output and where it waits", async () => {
    const id = await begun();
    await happen(id, ...STEPS);
    await site.server.daemon.finish(id, { status: "completed" });
    const [hello, ...frames] = await framesOf(await site.ask(`${RUNS}/${id}/events`));
    expect(hello).toMatchObject({ event: "hello", data: { runId: id } });
    const told = frames.map(({ event, data }) => [event, data["step"], data["status"], data["message"]]);
    expect(told).toEqual([
      ["status", undefined, "running", undefined],
      ["step", "analyze", "in_progress", undefined],
      ["log", "analyze", undefined, "one\ntwo"],
      ["step", "analyze", "succeeded", "found it"],
      ["status", undefined, "awaiting_approval", "api is protected"],
      ["status", undefined, "completed", undefined],
      ["end", undefined, "completed", undefined],
    ]);
    expect(await framesOf(await site.ask(`/runs/${id}/events`))).toEqual([hello as Frame, ...frames]);
  });

  test("goes on behind the last event that was seen, also when that was before one that is not shown; the end is told once", async () => {
    const id = await begun();
    await happen(id, ...STEPS);
    await site.server.daemon.finish(id, { status: "failed" });
    const path = `${RUNS}/${id}/events`;
    const all = await framesOf(await site.ask(path));
    for (const [at, { id: seen }] of all.entries()) {
      if (seen === undefined) continue;
      const response = await site.ask(path, { headers: { "last-event-id": seen } });
      const isLast = at === all.length - 2;
      expect(response.status).toBe(isLast ? 204 : 200);
      if (!isLast) expect((await framesOf(response)).slice(1)).toEqual(all.slice(at + 1));
      else await response.body?.cancel();
    }
  });

  test("is followed live, across a restart of the listeners", async () => {
    const id = await begun();
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    const following = (async () => {
      for await (const event of new Client({ socket: site.server.socket }).repair.events(id)) {
        seen.push(`${event.type} ${String(event["step"] ?? event["status"])}`);
        if (event.type === "repair.step") first.resolve();
      }
    })();
    await happen(id, ...STEPS.slice(0, 2));
    await first.promise;
    await site.server.restart();
    await happen(id, ...STEPS.slice(2));
    await site.server.daemon.finish(id, { status: "completed" });
    await following;
    expect(seen).toEqual([
      "run.running running",
      "repair.step analyze",
      "repair.output analyze",
      "repair.step analyze",
      "repair.status awaiting_approval",
      "run.completed completed",
    ]);
  });

  test("opens with a ticket for it", async () => {
    const id = await begun();
    await site.server.daemon.finish(id, { status: "completed" });
    const path = `${RUNS}/${id}/events`;
    const { ticket } = (await (await site.post("/tickets", { path })).json()) as { ticket: string };
    const open = (of: string): Promise<Response> => fetch(`${site.server.url}${of}?ticket=${ticket}`);
    const response = await open(path);
    expect([response.status, (await framesOf(response)).at(-1)?.event]).toEqual([200, "end"]);
    expect((await open(`${RUNS}/${id}`)).status).toBe(401);
  });

  test("is not of a run that is no repair", async () => {
    site = new RepairSite();
    const { id } = await site.server.daemon.begin("apply", "demo");
    expect((await site.ask(`${RUNS}/${id}/events`)).status).toBe(404);
    expect((await fetch(`${site.server.url}/runs/${id}/events`, { headers: { "x-api-key": KEY } })).status).toBe(200);
  });
});
