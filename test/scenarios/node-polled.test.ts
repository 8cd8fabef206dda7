import { afterAll, expect, test } from "bun:test";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import type { ManagerView } from "../../src/inference/nodes/node.ts";
import { poolEntry } from "../../src/inference/nodes/nodes.fake.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { sharedRig } from "./rig.ts";

const engine = new EngineRig();
const serve = (answer: () => Response | Promise<Response>) => Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 30, fetch: answer });
const good = serve(() =>
  Response.json({ pools: [poolEntry({ pool_id: "far", engine: "mock", endpoint: engine.engine.url, models_available: ["chain"] })] }),
);
const hostile = serve(() => Response.json({ pools: [poolEntry({ pool_id: "cloud", endpoint: "http://[::ffff:169.254.169.254]/" })] }));
const huge = serve(() => new Response(`{"pools":[${"[".repeat(5 * 1024 * 1024)}`));
const mute = serve(() => new Promise<Response>(() => undefined));
const servers = [good, hostile, huge, mute];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop(true)));
  engine[Symbol.dispose]();
});

const rig = sharedRig({ ORCHD_POOL_MANAGERS: servers.map(({ port }) => `http://127.0.0.1:${port}`).join(",") });
const api = new InferenceCalls(rig);
await rig.serve();

const managers = async (): Promise<ManagerView[]> => (await api.call<{ managers: ManagerView[] }>("GET", "/v2/nodes")).body.managers;

test("pool managers are shown with what they last said; one that answers is used, whatever the others do", async () => {
  await api.poolThat("far", ({ source, ready }) => source === "manager" && ready);
  const told = async (): Promise<ManagerView[] | undefined> => {
    const now = await managers();
    return now.slice(1).every(({ last_error: error }) => error !== null) ? now : undefined;
  };
  const seen = await until("all of them to have been asked", told, 20_000);
  expect(seen.map(({ url }) => url)).toEqual(servers.map(({ port }) => `http://127.0.0.1:${port}`));
  expect(seen.map(({ status, pools, last_error: error }) => ({ status, pools, last_error: error }))).toEqual([
    { status: "Online", pools: 1, last_error: null },
    { status: "Online", pools: 0, last_error: expect.stringContaining("metadata service") },
    { status: "Offline", pools: 0, last_error: expect.stringContaining("more than") },
    { status: "Offline", pools: 0, last_error: expect.stringContaining("no answer within") },
  ]);
  expect(await api.ended(await api.task({ model_ref: "chain" }))).toMatchObject({ state: "completed", pool_id: "far" });
  expect((await api.pool("cloud")).status).toBe(404);
  await good.stop(true);
  await api.poolThat("far", ({ ready }) => !ready, 25_000);
}, 60_000);
