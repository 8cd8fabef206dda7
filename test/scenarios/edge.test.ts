import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { errnoOf } from "../../src/kernel/errors.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Requests } from "./requests.ts";
import { scenario, sharedRig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const PROGRAM = join(resolve(import.meta.dirname, "../programs"), "versioned.ts");
const rig = sharedRig({ RATE_LIMIT_MAX: "0" });

interface Web {
  readonly port: number;
  readonly version: string;
  readonly replicas?: number;
  readonly update?: string;
  readonly args?: string;
  readonly more?: string;
}

/** A service `web` of versioned.ts behind the edge. */
function web({ port, version, replicas = 2, update = "strategy: rolling", args = "", more = "" }: Web): string {
  return `
    services:
      web:
        command: "exec ${process.execPath} ${PROGRAM} ${version} ${args}"
        replicas: ${replicas}
        ports: ["${port}:80"]
        health: { interval: 100ms, timeout: 5s, gracePeriod: 60s, http: { url: "http://localhost:80/health" } }
        restartPolicy: { backoff: { min: 50ms } }
        update: { ${update} }
        stop: { timeout: 5s }
        ${more}
  `;
}

async function upWeb(given: Omit<Web, "port">): Promise<{ stack: StackUnderTest; port: number; url: string; requests: Requests }> {
  const port = freePort();
  const stack = rig.stack(web({ port, ...given }));
  await stack.up();
  const url = `http://127.0.0.1:${port}/`;
  const requests = new Requests(url);
  await answered(requests, 50);
  return { stack, port, url, requests };
}

/** So many answers more. */
async function answered(requests: Requests, more: number): Promise<void> {
  const goal = requests.answers.length + more;
  await until(`${more} more answers`, () => requests.answers.length >= goal || requests.failures.length > 0, 60_000);
}

function refuses(address: string): Promise<boolean> {
  return fetch(`http://${address}/`).then(
    () => false,
    (error: unknown) => errnoOf(error) === "ECONNREFUSED",
  );
}

const versions = (requests: Requests, since: number): Set<string> =>
  new Set(requests.answers.filter(({ sentMs }) => sentMs >= since).map(({ version }) => version));

test("two replicas behind one port: both answer, and rolling updates, scaling, a restart and a kill lose no request", async () => {
  const { stack, port, requests } = await upWeb({ version: "v1" });
  expect(new Set(requests.answers.map(({ instance }) => instance)).size).toBe(2);
  for (const version of ["v2", "v3"]) {
    stack.edit(web({ port, version }));
    await stack.ok("apply");
    const since = performance.now();
    await answered(requests, 50);
    expect(versions(requests, since)).toEqual(new Set([version]));
  }
  await stack.ok("scale", "web", "4");
  const since = performance.now();
  await answered(requests, 100);
  expect(new Set(requests.answers.filter(({ sentMs }) => sentMs > since).map(({ instance }) => instance)).size).toBe(4);
  await stack.ok("scale", "web", "2");
  await stack.ok("restart", "web");
  // What is in flight on a process that is killed, or reaches it while its threads die, may be lost with it; what comes after must not be.
  const { pid = 0, address = "" } = (await stack.service("web")).instances.find(({ replica }) => replica === 1) ?? {};
  await requests.between(() => {
    process.kill(pid, "SIGKILL");
    return until("its death", () => refuses(address));
  });
  await stack.whenService("web", "to be whole again", ({ replicas }) => replicas.ready === 2);
  await answered(requests, 50);
  const answers = await requests.stop();
  console.log(`${answers.length} requests, 0 failed`);
});

test("a canary gets 1/(replicas+1) of the requests until it is promoted; a second apply is refused meanwhile", async () => {
  const { stack, port, requests } = await upWeb({ version: "v1", update: "strategy: canary" });
  const before = await stack.pids();
  stack.edit(web({ port, version: "v2", update: "strategy: canary" }));
  const apply = stack.start("apply");
  await stack.whenService("web", "to have a canary", ({ update }) => update?.phase === "canary");
  expect(await stack.pids()).toMatchObject({ "web/1": before["web/1"] as number });
  expect((await stack.service("web")).instances.map(({ replica, version }) => `${replica} ${version}`).toSorted()).toEqual([
    "0 new",
    "0 old",
    "1 old",
  ]);
  const since = performance.now();
  await answered(requests, 600);
  expect(requests.share(since, ({ version }) => version === "v2")).toBeCloseTo(1 / 3, 1);
  const refused = await stack.orco("apply");
  expect(refused.code).toBe(5);
  expect(refused.err).toContain("has the canary of web, which waits to be promoted or aborted");
  expect(refused.err).toContain("take it: orco promote web; undo it: orco abort web");
  await stack.ok("promote", "web");
  expect((await apply.ended).code).toBe(0);
  const after = performance.now();
  await answered(requests, 50);
  expect(versions(requests, after)).toEqual(new Set(["v2"]));
  expect(await stack.orco("promote", "web")).toMatchObject({ code: 5, err: expect.stringContaining("no update is under way") });
  expect(await stack.orco("abort", "web")).toMatchObject({ code: 5 });
  await requests.stop();
});

test("a canary with a weight of its own that is aborted is undone; apply exits with 1", async () => {
  const update = "strategy: canary, weight: 10%";
  const { stack, port, requests } = await upWeb({ version: "v1", update });
  const before = await stack.pids();
  stack.edit(web({ port, version: "v2", update }));
  const apply = stack.start("apply");
  await stack.whenService("web", "to have a canary", ({ update: under }) => under?.phase === "canary");
  const since = performance.now();
  await answered(requests, 1000);
  const share = requests.share(since, ({ version }) => version === "v2");
  expect([share > 0.07, share < 0.13]).toEqual([true, true]);
  await stack.ok("abort", "web");
  expect(await apply.ended).toMatchObject({
    code: 1,
    err: expect.stringContaining("aborted by orco abort; the former version was restored"),
  });
  expect(await stack.pids()).toEqual(before);
  await requests.stop();
  stack.edit(web({ port, version: "v1", update }));
  expect((await stack.orco("apply")).err).toContain("nothing to change");
});

test("a canary that fails aborts by itself; promoteAfter promotes by itself", async () => {
  const { stack, port, requests } = await upWeb({ version: "v1", update: "strategy: canary, promoteAfter: 200ms" });
  const before = await stack.pids();
  stack.edit(web({ port, version: "v2", args: "--fail", update: "strategy: canary" }));
  expect(await stack.orco("apply")).toMatchObject({ code: 1, err: expect.stringContaining("exit code 9") });
  expect(await stack.pids()).toEqual(before);
  stack.edit(web({ port, version: "v3", update: "strategy: canary, promoteAfter: 200ms" }));
  await stack.ok("apply");
  const since = performance.now();
  await answered(requests, 50);
  expect(versions(requests, since)).toEqual(new Set(["v3"]));
  await requests.stop();
});

test("blue/green: one switch; 100 ms after the first answer of the new set nobody gets the old one, which is kept and then stopped", async () => {
  const update = "strategy: blueGreen, drainTimeout: 2s";
  const { stack, port, requests } = await upWeb({ version: "blue", update });
  const blursMs: number[] = [];
  for (const [from, to] of [
    ["blue", "green"],
    ["green", "blue"],
    ["blue", "green"],
  ] as const) {
    const since = requests.answers.length;
    stack.edit(web({ port, version: to, update }));
    const apply = stack.start("apply");
    await stack.whenService("web", "to have switched", ({ update: under }) => under?.phase === "switched");
    expect((await stack.service("web")).replicas.live).toBe(4);
    expect((await apply.ended).code).toBe(0);
    expect((await stack.service("web")).replicas.live).toBe(2);
    const answers = requests.answers.slice(since);
    const first = Math.min(...answers.filter(({ version }) => version === to).map(({ atMs }) => atMs));
    const last = Math.max(...answers.filter(({ version }) => version === from).map(({ sentMs }) => sentMs));
    blursMs.push(last - first);
  }
  await requests.stop();
  console.log(`the last request to the old set was sent ${blursMs.map(Math.round).join(", ")} ms after the first answer of the new one`);
  // The least: a worker of the edge that the machine holds up learns of a switch as much later.
  expect(Math.min(...blursMs)).toBeLessThan(100);
});

test("blue/green: abort while the old set is kept goes back at once; a new set that fails never gets a request", async () => {
  const update = "strategy: blueGreen, drainTimeout: 10s";
  const { stack, port, requests } = await upWeb({ version: "blue", update });
  const before = await stack.pids();
  stack.edit(web({ port, version: "red", args: "--fail", update }));
  expect((await stack.orco("apply")).code).toBe(1);
  expect(versions(requests, 0)).toEqual(new Set(["blue"]));
  stack.edit(web({ port, version: "green", update }));
  const apply = stack.start("apply");
  await stack.whenService("web", "to have switched", ({ update: under }) => under?.phase === "switched");
  await answered(requests, 50);
  await stack.ok("abort", "web");
  expect((await apply.ended).code).toBe(1);
  expect(await stack.pids()).toEqual(before);
  const since = performance.now();
  await answered(requests, 50);
  expect(versions(requests, since)).toEqual(new Set(["blue"]));
  await requests.stop();
});

test("one replica rolls as well; a slow request is answered before its instance goes", async () => {
  const { stack, port, url, requests } = await upWeb({ version: "v1", replicas: 1 });
  const slow = fetch(`${url}slow`).then((response) => response.text());
  await answered(requests, 10);
  stack.edit(web({ port, version: "v2", replicas: 1 }));
  await stack.ok("apply");
  expect(await slow).toStartWith("v1 ");
  await requests.stop();
});

test("from one instance on its own port to two behind the edge and back: scale replaces them", async () => {
  const port = freePort();
  const stack = rig.stack(`
    services:
      web: { command: "exec ${process.execPath} ${PROGRAM} v1", ports: ["${port}:80"], health: { interval: 100ms, timeout: 5s, gracePeriod: 60s, tcp: { address: "localhost:80" } }, update: { drainTimeout: 200ms } }
  `);
  await stack.up();
  const body = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
  expect(await body()).toStartWith("v1 ");
  expect((await stack.service("web")).instances[0]?.address).toBe(`127.0.0.1:${port}`);
  await stack.ok("scale", "web", "2");
  expect(new Set(await Promise.all(Array.from({ length: 20 }, body))).size).toBe(2);
  await stack.ok("scale", "web", "1");
  expect(await body()).toStartWith("v1 ");
  expect((await stack.service("web")).instances[0]?.address).toBe(`127.0.0.1:${port}`);
});

test("a port that is held fails the apply with its holder before anything starts", async () => {
  const holder = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("mine") });
  try {
    const stack = rig.stack(web({ port: holder.port ?? 0, version: "v1" }));
    const said = await stack.orco("up", "-d", "--wait");
    expect(said).toMatchObject({ code: 1, err: expect.stringContaining(`pid ${process.pid}`) });
    expect((await stack.orco("status")).code).toBe(4);
  } finally {
    await holder.stop(true);
  }
});

scenario("a daemon killed in mid-update, and again: requests go on, and the update does", async (own) => {
  const port = freePort();
  const update = "strategy: blueGreen, drainTimeout: 3s";
  const stack = own.stack(web({ port, version: "blue", update }));
  await stack.up();
  const requests = new Requests(`http://127.0.0.1:${port}/`);
  await answered(requests, 50);
  stack.edit(web({ port, version: "green", update, args: `--unready-until ${join(stack.dir, "go")}` }));
  await stack.ok("apply", "-d");
  await stack.whenService("web", "to run both sets", ({ replicas }) => replicas.live === 4);
  const [run] = (await own.client.runs({ stack: stack.name })).runs;
  await own.killDaemon();
  await answered(requests, 50);
  await own.serve();
  await answered(requests, 50);
  stack.write("go", "");
  await stack.whenService("web", "to have switched", ({ update: under }) => under?.phase === "switched");
  await own.killDaemon();
  await answered(requests, 50);
  await own.serve();
  expect(await own.client.waitRun(run?.id ?? "")).toMatchObject({ status: "completed" });
  const since = performance.now();
  await answered(requests, 50);
  expect(versions(requests, since)).toEqual(new Set(["green"]));
  await requests.stop();
  expect((await stack.service("web")).replicas).toEqual({ ready: 2, live: 2, desired: 2 });
});

scenario("a canary outlives its daemon with its share, and is promoted under the next one", async (own) => {
  const port = freePort();
  const update = "strategy: canary, weight: 20%";
  const stack = own.stack(web({ port, version: "v1", update }));
  await stack.up();
  stack.edit(web({ port, version: "v2", update }));
  await stack.ok("apply", "-d");
  await stack.whenService("web", "to have a canary", ({ update: under }) => under?.phase === "canary");
  const requests = new Requests(`http://127.0.0.1:${port}/`);
  const [run] = (await own.client.runs({ stack: stack.name })).runs;
  const before = await stack.pids();
  await own.killDaemon();
  await answered(requests, 500);
  await own.serve();
  expect((await stack.service("web")).update).toMatchObject({ strategy: "canary", phase: "canary" });
  expect(await stack.pids()).toEqual(before);
  await answered(requests, 500);
  const share = requests.share(0, ({ version }) => version === "v2");
  expect([share > 0.15, share < 0.25]).toEqual([true, true]);
  await stack.ok("promote", "web");
  expect(await own.client.waitRun(run?.id ?? "")).toMatchObject({ status: "completed" });
  const since = performance.now();
  await answered(requests, 50);
  expect(versions(requests, since)).toEqual(new Set(["v2"]));
  await requests.stop();
});
