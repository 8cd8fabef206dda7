import { expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { OpenLoad } from "../chaos/open-load.ts";
import { until } from "../until.ts";
import { type Answer, AppUnderTest } from "./app-under-test.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig({ RATE_LIMIT_MAX: "0" });

async function app(name: string, contract: Record<string, unknown> = {}): Promise<AppUnderTest> {
  if (rig.daemonPid() === undefined) await rig.serve();
  return AppUnderTest.create(rig, name, contract);
}

/** A client that keeps no connection to a port that is being closed. */
async function versionAt(url: string): Promise<string> {
  return (await fetch(url, { headers: { connection: "close" } })).text();
}

async function post(path: string, init: { body?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  const response = await fetch(`http://orco${path}`, { method: "POST", unix: join(rig.home, "orco.sock"), ...init });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** What a connection to the port fails with; undefined when somebody answers. */
function refused(url: string): Promise<string | undefined> {
  return fetch(url).then(
    () => undefined,
    (error: unknown) => (error as { code: string }).code,
  );
}

const JSON_TYPE = { "content-type": "application/json" };

test("where there is no app, the document's fields say so; its paths take no unknown field and need no body to go back", async () => {
  await rig.serve();
  const nothing = { success: false, slot: null, commit: null };
  const deploy = await post("/deploy", { body: '{"commit":"main"}', headers: JSON_TYPE });
  expect(deploy).toMatchObject({ status: 404, body: { ...nothing, previous_commit: null, code: "not_found" } });
  expect(await post("/rollback")).toMatchObject({ status: 404, body: nothing });
  expect(await post("/apps/nobody/deploy", { body: '{"commit":"main"}', headers: JSON_TYPE })).toMatchObject({
    status: 404,
    body: nothing,
  });

  const blog = await app("blog");
  expect(await post("/rollback")).toMatchObject({ status: 409, body: { ...nothing, code: "no_previous_slot" } });
  expect(await post("/deploy", { body: '{"comit":"main"}', headers: JSON_TYPE })).toMatchObject({ status: 400 });
  expect(await post("/deploy", { body: '{"commit":"main"}', headers: { "content-type": "text/plain" } })).toMatchObject({ status: 415 });
  expect(await post("/deploy", { body: '{"commit":""}', headers: JSON_TYPE })).toMatchObject({
    status: 422,
    body: { code: "unknown_commit", success: false },
  });
  const v1 = await blog.commit({ version: "v1" });
  expect(await post("/deploy", { body: '{"commit":"main"}', headers: JSON_TYPE })).toMatchObject({
    status: 200,
    body: { success: true, commit: v1 },
  });
  expect(await post("/deploy", { body: '{"commit":"main"}', headers: JSON_TYPE })).toMatchObject({
    status: 200,
    body: { commit: v1, previous_commit: v1, slot: "green" },
  });
  expect(await post("/rollback")).toMatchObject({ status: 200, body: { success: true, slot: "blue", commit: v1 } });
}, 180_000);

test("what is live is started again after a shutdown, and requests wait until it is healthy", async () => {
  const slow = await app("slow");
  const v1 = await slow.commit({ version: "v1", readyAfterMs: 1500 });
  expect(await slow.deploy(v1)).toMatchObject({ status: 200 });
  expect(await rig.orco(["shutdown"])).toMatchObject({ code: 0 });
  await until("the daemon to be gone", () => rig.daemonPid() === undefined, 10_000);
  expect(rig.instances()).toEqual([]);
  await rig.serve();
  const first = await slow.status();
  expect([first.live_commit, first.healthy]).toEqual([v1, false]);
  const answered = await fetch(slow.url);
  expect([answered.status, await answered.text()]).toEqual([200, "v1"]);
  expect((await slow.status()).healthy).toBe(true);
}, 180_000);

test("another port: the old one is closed, and a rollback opens it again", async () => {
  const moved = await app("moved");
  await moved.deploy(await moved.commit({ version: "v1" }));
  const other = await app("other");
  await rig.client.removeApp("other");
  await moved.put({ port: other.port, hosts: ["127.0.0.1"] });
  expect(await moved.deploy(await moved.commit({ version: "v2" }))).toMatchObject({ status: 200 });
  expect(await versionAt(other.url)).toBe("v2");
  expect(await refused(moved.url)).toBe("ECONNREFUSED");
  expect(await moved.rollback()).toMatchObject({ status: 200 });
  expect(await moved.version()).toBe("v1");
  expect(await refused(other.url)).toBe("ECONNREFUSED");
}, 180_000);

test("a first deploy that fails leaves no listener and no front", async () => {
  const none = await app("none", { health_timeout_ms: 3000 });
  expect(await none.deploy(await none.commit({ version: "v1", health: 500 }))).toMatchObject({ status: 422 });
  expect(await refused(none.url)).toBe("ECONNREFUSED");
  expect(readFileSync(join(rig.home, "edge/routes.json"), "utf8")).not.toContain("app/none");
  expect(readdirSync(join(rig.home, "apps/none/slots")).filter((name) => !name.startsWith("."))).toEqual([]);
}, 180_000);

test("a shutdown in the midst of a deploy leaves nothing running, and the next daemon starts what was live", async () => {
  const busy = await app("busy", { health_timeout_ms: 20_000 });
  const v1 = await busy.commit({ version: "v1" });
  await busy.deploy(v1);
  const v2 = await busy.commit({ version: "v2", readyAfterMs: 15_000 });
  const run = String((await busy.deploy(v2, { prefer: "respond-async" })).body["id"]);
  await until("the new process to be asked", async () => (await rig.client.run(run)).steps.some(({ id }) => id === "health"), 10_000);
  expect(await rig.orco(["shutdown"])).toMatchObject({ code: 0 });
  await until("the daemon to be gone", () => rig.daemonPid() === undefined, 10_000);
  expect(rig.instances()).toEqual([]);
  await rig.serve();
  expect((await rig.client.run(run)).status).toBe("canceled");
  expect((await busy.status()).live_commit).toBe(v1);
  expect(await busy.version()).toBe("v1");
}, 180_000);

test("a port of another app is refused: when it is put, and when a commit brings it; the ports of the live slot too", async () => {
  const first = await app("first");
  const second = await app("second");
  const clash = { internal_port: first.internalPort + 1 };
  expect(await second.put(clash).catch((error: unknown) => error)).toMatchObject({ code: "port_in_use", facts: { held_by_app: "first" } });
  await rig.client.putApp("second", { repo: second.repo });
  const contract = { start_command: "exec sleep 100", port: second.port, ...clash };
  const commit = await second.commit({ version: "v1" }, { "orco.app.json": JSON.stringify(contract) });
  expect(await second.deploy(commit)).toMatchObject({
    status: 409,
    body: { success: false, code: "port_in_use", app: "second", held_by_app: "first", commit },
  });
  expect(await first.deploy(await first.commit({ version: "v1" }))).toMatchObject({ status: 200 });
  await first.put({ internal_port: first.internalPort - 1 });
  expect(await first.deploy("main")).toMatchObject({ status: 409, body: { success: false, slot: "green", code: "port_in_use" } });
  expect(await first.version()).toBe("v1");
}, 180_000);

test("a second deploy queues by the contract of the first one, while nothing is live", async () => {
  const queue = await app("queue");
  await rig.client.putApp("queue", { repo: queue.repo });
  const contract = {
    start_command: "echo",
    port: queue.port,
    internal_port: queue.internalPort,
    on_busy: "queue",
    build_command: "sleep 1; exit 3",
  };
  const commit = await queue.commit({ version: "v1" }, { "orco.app.json": JSON.stringify(contract) });
  const run = String((await queue.deploy(commit, { prefer: "respond-async" })).body["id"]);
  await until("its contract to be known", async () => (await rig.client.run(run)).steps.some(({ id }) => id === "build"), 10_000);
  expect(await queue.deploy(commit)).toMatchObject({ status: 422, body: { code: "build_failed" } });
  expect((await rig.client.run(run)).status).toBe("failed");
}, 180_000);

test("a process that ends at the very moment of its swap fails the deploy, or is started again as any live one", async () => {
  const blog = await app("mortal", { drain_timeout_ms: 100, stop_timeout_ms: 500 });
  await blog.deploy(await blog.commit({ version: "v0" }));
  for (let ms = 40; ms < 100; ms += 4) {
    const good = (await blog.status()).live_commit;
    const answer = await blog.deploy(await blog.commit({ version: `v${ms}`, exitAfterMs: ms }));
    if (answer.status === 422) expect((await blog.status()).live_commit).toBe(good);
    else {
      await until(`${ms} ms: it to be started again`, async () => (await blog.status()).restarts > 0 || undefined, 20_000);
      await blog.rollback();
    }
    expect(await blog.version()).toBe("v0");
  }
}, 180_000);

test("releases come by page, newest first", async () => {
  const blog = await app("pages", { build_command: "exit 1" });
  for (const version of ["v1", "v2", "v3"]) await blog.deploy(await blog.commit({ version }));
  const page = async (cursor?: string): Promise<{ releases: { subject: string }[]; next_cursor?: string }> => {
    const query = cursor === undefined ? "" : `&cursor=${cursor}`;
    const answer = await fetch(`http://orco/apps/pages/releases?limit=2${query}`, { unix: join(rig.home, "orco.sock") });
    return (await answer.json()) as { releases: { subject: string }[]; next_cursor?: string };
  };
  const first = await page();
  expect(first.releases.map(({ subject }) => subject)).toEqual(["version v3", "version v2"]);
  const second = await page(first.next_cursor);
  expect(second.releases.map(({ subject }) => subject)).toEqual(["version v1"]);
  expect(second.next_cursor).toBeUndefined();
}, 180_000);

test("a crash loop is left by itself although a deploy waits for approval, which is cancelled", async () => {
  const auto_rollback = { window_ms: 60_000, max_restarts: 1 };
  const blog = await app("loop", { auto_rollback, protected_paths: ["migrations/**"], drain_timeout_ms: 100 });
  const v1 = await blog.commit({ version: "v1" });
  await blog.deploy(v1);
  await blog.deploy(await blog.commit({ version: "v2" }));
  const waiting = await blog.deploy(await blog.commit({ version: "v3" }, { "migrations/1.sql": "drop" }));
  expect(waiting.status).toBe(202);
  for (const _ of [1, 2]) {
    const pid = await blog.version("pid");
    await blog.version("crash").catch(() => undefined);
    // Meanwhile the edge may answer for it.
    const again = async (): Promise<boolean> => {
      const next = await blog.version("pid");
      return /^\d+$/.test(next) && next !== pid;
    };
    await until("another process", again, 20_000);
  }
  await until("the release before", async () => (await blog.status()).live_commit === v1 || undefined, 30_000);
  expect(await blog.ended(waiting.body["id"])).toMatchObject({ status: "canceled" });
  await until("nothing under way", async () => (await blog.status()).run === undefined || undefined, 10_000);
  expect((await blog.status()).live_commit).toBe(v1);
}, 180_000);

test("an app is removed, or given another repository, in the midst of a deploy", async () => {
  const blog = await app("midst", { health_timeout_ms: 20_000 });
  const elsewhere = await app("elsewhere");
  const v1 = await blog.commit({ version: "v1", readyAfterMs: 700 });
  const answer = blog.deploy(v1);
  const at = (step: string): Promise<unknown> =>
    until(
      step,
      async () => {
        const { run } = await blog.status();
        return run !== undefined && (await rig.client.run(run)).steps.some(({ id }) => id === step);
      },
      20_000,
    );
  await at("checkout");
  const contract = (await rig.client.app("midst")).contract;
  await rig.client.putApp("midst", { repo: elsewhere.repo, contract });
  expect(await answer).toMatchObject({ status: 200, body: { commit: v1 } });
  expect((await rig.client.app("midst")).repo).toBe(elsewhere.repo);
  const w1 = await elsewhere.commit({ version: "w1" });
  expect(await blog.deploy("main")).toMatchObject({ status: 200, body: { commit: w1 } });

  const slow = await elsewhere.commit({ version: "w2", readyAfterMs: 15_000 });
  const cut = blog.deploy(slow);
  await at("health");
  const [removed, refusedDeploy] = await Promise.all([rig.client.removeApp("midst"), blog.deploy("main")]);
  expect(removed).toBeUndefined();
  expect([404, 409]).toContain(refusedDeploy.status);
  expect(await cut).toMatchObject({ status: 409, body: { success: false, code: "cancelled" } });
  expect(await refused(blog.url)).toBe("ECONNREFUSED");
  expect(readdirSync(join(rig.home, "apps"))).not.toContain("midst");
}, 180_000);

test("a deploy that fails for where it would listen costs nobody a request", async () => {
  const blog = await app("where", { drain_timeout_ms: 200 });
  const v1 = await blog.commit({ version: "v1" });
  await blog.deploy(v1);
  for (const change of [{ address: "192.0.2.1" }, { tls: [{ cert: "/no/cert.pem", key: "/no/key.pem" }] }]) {
    await blog.put(change);
    const load = new OpenLoad(blog.url, 100);
    expect(await blog.deploy(v1)).toMatchObject({ status: 422, body: { code: "unprocessable" } });
    await load.stop();
    expect(load.failures).toEqual([]);
  }
}, 180_000);
