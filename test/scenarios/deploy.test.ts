import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { AppUnderTest } from "./app-under-test.ts";
import { Requests } from "./requests.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig({ RATE_LIMIT_MAX: "0" });
const HEX = /^[0-9a-f]{40}$/;

async function app(name: string, contract: Record<string, unknown> = {}): Promise<AppUnderTest> {
  if (rig.daemonPid() === undefined) await rig.serve();
  return AppUnderTest.create(rig, name, contract);
}

/** Worktrees of an app, without what is being removed. */
function worktrees(name: string): string[] {
  const slots = join(rig.home, "apps", name, "slots");
  return existsSync(slots) ? readdirSync(slots).filter((entry) => !entry.startsWith(".trash-")) : [];
}

test("deploy, deploy, rollback under requests: none is lost, and every answer has the fields of the document", async () => {
  const blog = await app("walk");
  const v1 = await blog.commit({ version: "v1" });
  const first = await blog.deploy("main");
  expect(first).toMatchObject({ status: 200, body: { success: true, slot: "blue", commit: v1, previous_commit: null } });
  expect(await blog.version()).toBe("v1");

  const requests = new Requests(blog.url);
  const v2 = await blog.commit({ version: "v2" });
  expect(await blog.deploy(v2)).toMatchObject({ status: 200, body: { success: true, slot: "green", commit: v2, previous_commit: v1 } });
  expect(await blog.version()).toBe("v2");
  expect(await blog.rollback()).toMatchObject({ status: 200, body: { success: true, slot: "blue", commit: v1 } });
  expect(await blog.version()).toBe("v1");
  const answers = await requests.stop();
  expect(answers.length).toBeGreaterThan(50);

  const status = await blog.status();
  expect(status).toMatchObject({ live_slot: "blue", live_commit: v1, previous_slot: "green", previous_commit: v2, healthy: true });
  expect(status.live_commit).toMatch(HEX);
});

test("a deploy that fails leaves the old one live, the rollback target usable and nothing running", async () => {
  const blog = await app("bad");
  const [v1, v2] = [await blog.commit({ version: "v1" }), await blog.commit({ version: "v2" })];
  await blog.deploy(v1);
  await blog.deploy(v2);
  const v3 = await blog.commit({ version: "v3", health: 500 });
  await blog.put({ health_timeout_ms: 4000 });
  const failed = await blog.deploy(v3);
  await blog.put();
  expect(failed).toMatchObject({ status: 422, body: { success: false, code: "unhealthy", slot: "blue", commit: v3, previous_commit: v2 } });
  expect(failed.body).toMatchObject({ last_status: 500, body: "no connection to the database" });
  expect(await blog.version()).toBe("v2");
  expect(await blog.status()).toMatchObject({ live_commit: v2, previous_commit: v1, previous_slot: "blue", healthy: true });
  expect(worktrees("bad").toSorted()).toEqual(["blue", "green"]);
  expect(await blog.rollback()).toMatchObject({ status: 200, body: { commit: v1 } });
  expect(await blog.version()).toBe("v1");
});

test("a process that exits during boot fails the deploy at once, with its exit code and its last words", async () => {
  const blog = await app("exits", { health_timeout_ms: 30_000 });
  const startedAt = performance.now();
  const failed = await blog.deploy(await blog.commit({ version: "v1", health: 503, exitAfterMs: 50 }));
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(failed).toMatchObject({ status: 422, body: { code: "unhealthy", exit: { code: 3 } } });
  expect(failed.body["log"]).toContain("about to fail: no such table users");
  expect(await blog.status()).toMatchObject({ live_slot: null, healthy: false });
});

test.each([
  ["hangs", { health: "hang" }, /no answer|did not answer/],
  ["floods", { health: "flood" }, /503/],
  ["redirects", { health: "redirect" }, /302.*\/login|redirect/],
  ["speaks HTTP/0.9", { health: "http09" }, /HTTP/],
  ["listens elsewhere", { port: 0 }, /PORT/],
])("a health endpoint that %s is not healthy, and the answer says so", async (what, behaviour, said) => {
  const blog = await app(`health-${what.replaceAll(/[^a-z0-9]/gi, "").toLowerCase()}`, { health_timeout_ms: 3500 });
  const failed = await blog.deploy(await blog.commit({ version: "v1", ...behaviour }));
  expect(failed).toMatchObject({ status: 422, body: { success: false, code: "unhealthy" } });
  expect(String(failed.body["detail"])).toMatch(said);
});

test("a process that forks away is not what was started; nothing of it is left", async () => {
  const blog = await app("forks", { health_timeout_ms: 3000 });
  const failed = await blog.deploy(await blog.commit({ version: "v1", forkAway: true }));
  expect(failed).toMatchObject({ status: 422, body: { code: "unhealthy" } });
  await until("its child to be gone", () => rig.instances().every((line) => !line.includes("deployed.ts child")), 5000);
});

test("a crash after promotion shows in the status at once, and the app comes back", async () => {
  const blog = await app("crash");
  await blog.deploy(await blog.commit({ version: "v1", readyAfterMs: 800 }));
  const crash = fetch(`${blog.url}crash`).catch(() => undefined);
  const seen = await until("healthy: false", async () => ((await blog.status()).healthy ? undefined : performance.now()), 5000);
  expect(seen).toBeGreaterThan(0);
  await crash;
  await until("healthy again", async () => (await blog.status()).healthy || undefined, 10_000);
  expect((await blog.status()).restarts).toBe(1);
  expect(await blog.version()).toBe("v1");
});

test("two deploys at once: the second is told which run is under way, or waits for it", async () => {
  const blog = await app("busy");
  const v1 = await blog.commit({ version: "v1", readyAfterMs: 1500 });
  const first = blog.deploy(v1);
  const run = await until("the first to be under way", async () => (await blog.status()).run, 5000);
  expect(await blog.deploy(v1)).toMatchObject({ status: 409, body: { success: false, code: "deploy_in_progress", run } });
  expect(await first).toMatchObject({ status: 200 });

  await blog.put({ on_busy: "queue" });
  const [second, third] = [await blog.commit({ version: "v2" }), await blog.commit({ version: "v3" })];
  const both = await Promise.all([blog.deploy(second), blog.deploy(third)]);
  expect(both.map(({ status }) => status)).toEqual([200, 200]);
  expect(["v2", "v3"]).toContain(await blog.version());
});

test("a process that ignores TERM and holds a stream open is cut at its drain timeout and killed", async () => {
  const blog = await app("stubborn", { drain_timeout_ms: 300, stop_timeout_ms: 300 });
  await blog.deploy(await blog.commit({ version: "v1", ignoreTerm: true }));
  const stream = await fetch(`${blog.url}stream`);
  const pid = Number(await blog.version("pid"));
  const v2 = await blog.commit({ version: "v2" });
  const startedAt = performance.now();
  const answer = await blog.deploy(v2);
  expect(answer).toMatchObject({ status: 200, body: { success: true } });
  // It would hold it open for ever.
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  expect(String(answer.body["warnings"])).toContain("cut");
  expect(existsSync(`/proc/${pid}/environ`) && rig.instances().some((line) => line.startsWith(`${pid} `))).toBe(false);
  expect(await stream.text().catch((error: unknown) => error)).toBeInstanceOf(Error);
});

test("an app that is removed takes its process, its folder and its logs with it; another of its name begins anew", async () => {
  const first = await app("gone");
  await first.deploy(await first.commit({ version: "v1" }));
  expect((await rig.orco(["logs", "--app", "gone"])).out).toContain("version v1");
  await rig.client.removeApp("gone");
  expect([existsSync(join(rig.home, "apps", "gone")), existsSync(join(rig.home, "logs", "app.gone"))]).toEqual([false, false]);
  expect(await fetch(first.url).catch((error: unknown) => error)).toBeInstanceOf(Error);
  await first.put();
  expect([(await rig.orco(["logs", "--app", "gone"])).out, await first.status()]).toMatchObject(["", { live_slot: null }]);
});
