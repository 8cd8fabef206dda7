import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { AppUnderTest } from "./app-under-test.ts";
import { sharedRig } from "./rig.ts";

const rig = sharedRig({ RATE_LIMIT_MAX: "0", DEPLOY_TOKEN: "t0p-s3cret-value" });

async function app(name: string, contract: Record<string, unknown> = {}): Promise<AppUnderTest> {
  if (rig.daemonPid() === undefined) await rig.serve();
  return AppUnderTest.create(rig, name, contract);
}

test("a change of a protected path waits for approval, bound to what is shown; then it goes live", async () => {
  const blog = await app("protected", { protected_paths: ["migrations/**"] });
  const v1 = await blog.commit({ version: "v1" }, { "migrations/1.sql": "create table a" });
  expect(await blog.deploy(v1)).toMatchObject({ status: 200 });
  const v2 = await blog.commit({ version: "v2" }, { "migrations/2.sql": "drop table a" });
  const waiting = await blog.deploy(v2);
  expect(waiting).toMatchObject({ status: 202, body: { waiting: { kind: "approval" } } });
  expect(JSON.stringify(waiting.body["waiting"])).toContain("migrations/2.sql");
  expect(await blog.version()).toBe("v1");

  const run = String(waiting.body["id"]);
  expect((await blog.deploy(v1)).body).toMatchObject({ code: "deploy_in_progress", run });
  const said = await rig.orco(["approve", run, "--yes"]);
  expect(said).toMatchObject({ code: 0 });
  expect(await blog.ended(run)).toMatchObject({ status: "completed" });
  expect(await blog.version()).toBe("v2");
  expect((await rig.orco(["approve", run, "--yes"])).code).toBe(5);
});

test("a rejected deploy changes nothing; a rollback does not wait behind one that waits", async () => {
  const blog = await app("rejected", { diff_limits: { max_files: 1 } });
  const v1 = await blog.commit({ version: "v1" });
  await blog.deploy(v1);
  await blog.deploy(await blog.commit({ version: "v2" }));
  const v3 = await blog.commit({ version: "v3" }, { "a.txt": "a", "b.txt": "b" });
  const first = await blog.deploy(v3);
  await rig.orco(["approve", String(first.body["id"]), "--reject", "--yes"]);
  expect(await blog.ended(first.body["id"])).toMatchObject({ status: "failed", error: { code: "approval_denied" } });
  expect(await blog.version()).toBe("v2");

  const second = await blog.deploy(v3);
  expect(await blog.rollback()).toMatchObject({ status: 200, body: { commit: v1 } });
  expect(await blog.ended(second.body["id"])).toMatchObject({ status: "canceled" });
  expect(await blog.version()).toBe("v1");
});

test("build, hooks, schema gate and secrets: what fails stops the deploy and says what it printed, without the secret", async () => {
  const secrets = { TOKEN: { env: "DEPLOY_TOKEN", as: "env" } };
  const blog = await app("steps", {
    secrets,
    build_command: "echo building $ORCO_COMMIT with $TOKEN; echo built > built.txt",
    pre_deploy: "test -f built.txt && echo before",
    post_deploy: "echo after; exit 4",
    schema_status: { command: "test ! -f broken-schema" },
  });
  const good = await blog.deploy(await blog.commit({ version: "v1" }));
  expect(good).toMatchObject({ status: 200, body: { success: true } });
  expect(String(good.body["warnings"])).toContain("post_deploy exited with code 4");
  const events = await rig.orco(["events", "--all", "--json"]);
  expect(events.out).toContain("building");
  expect(events.out).not.toContain("t0p-s3cret-value");

  const broken = await blog.deploy(await blog.commit({ version: "v2" }, { "broken-schema": "" }));
  expect(broken).toMatchObject({ status: 422, body: { code: "schema_mismatch" } });
  await blog.put({ secrets, build_command: "echo no compiler >&2; echo $TOKEN; exit 9" });
  const unbuilt = await blog.deploy(await blog.commit({ version: "v3" }));
  expect(unbuilt).toMatchObject({ status: 422, body: { code: "build_failed", exit_code: 9 } });
  expect(String(unbuilt.body["log"])).toContain("no compiler");
  expect(JSON.stringify(unbuilt.body)).not.toContain("t0p-s3cret-value");
  await blog.put({ secrets, build_command: "sleep 60", build_timeout_ms: 200 });
  expect((await blog.deploy("main")).body).toMatchObject({ code: "build_failed" });
  expect(await blog.version()).toBe("v1");
});

test("a release that crashes again and again is left by itself, once", async () => {
  const blog = await app("auto", { auto_rollback: { window_ms: 60_000, max_restarts: 2 } });
  const v1 = await blog.commit({ version: "v1" });
  await blog.deploy(v1);
  expect(await blog.deploy(await blog.commit({ version: "v2", exitAfterMs: 5000 }))).toMatchObject({ status: 200 });
  await until("v1 to be live again", async () => (await blog.status()).live_commit === v1 || undefined, 90_000);
  await until("nothing under way", async () => (await blog.status()).run === undefined || undefined, 10_000);
  expect(await blog.version()).toBe("v1");
  expect(await blog.status()).toMatchObject({ healthy: true });
});

test("a port that somebody holds is named with its holder, and nothing has changed", async () => {
  const blog = await app("taken");
  const holder = Bun.listen({ hostname: "127.0.0.1", port: blog.port, socket: { data: () => undefined } });
  try {
    const refused = await blog.deploy(await blog.commit({ version: "v1" }));
    expect(refused).toMatchObject({ status: 409, body: { success: false, code: "port_in_use", pid: process.pid, port: blog.port } });
    expect(await blog.status()).toMatchObject({ live_slot: null });
  } finally {
    holder.stop(true);
  }
  const slot = Bun.listen({ hostname: "127.0.0.1", port: blog.internalPort, socket: { data: () => undefined } });
  try {
    expect((await blog.deploy("main")).body).toMatchObject({ code: "port_in_use", port: blog.internalPort, pid: process.pid });
  } finally {
    slot.stop(true);
  }
  expect(await blog.deploy("main")).toMatchObject({ status: 200 });
});

test("the contract may come with the commit; a wrong field is named by its pointer, there and with PUT", async () => {
  const blog = await app("contract");
  await rig.client.putApp("contract", { repo: blog.repo });
  const none = await blog.deploy(await blog.commit({ version: "v1" }));
  expect(none).toMatchObject({ status: 422, body: { code: "unprocessable" } });
  const wrong = await blog.deploy(
    await blog.commit({ version: "v1" }, { "orco.app.json": JSON.stringify({ start_command: "x", port: 99999, internal_port: 1 }) }),
  );
  expect(wrong).toMatchObject({ status: 422, body: { errors: [{ pointer: "/port" }] } });
  writeFileSync(join(rig.dir, "contract.json"), JSON.stringify({ start_command: "x", port: 3, internal_prt: 4 }));
  const put = rig.client.putApp("contract", { repo: blog.repo, contract: { start_command: "x", port: 3, internal_prt: 4 } });
  expect(String(await put.catch((error: unknown) => error))).toContain("internal_p");
});

test("a daemon killed in mid-deploy: the run goes on, one slot is live, and requests are answered all the while", async () => {
  const blog = await app("killed");
  await blog.deploy(await blog.commit({ version: "v1" }));
  const v2 = await blog.commit({ version: "v2", readyAfterMs: 800 });
  void blog.deploy(v2).catch(() => undefined);
  const run = await until("the deploy to boot", async () => (await blog.status()).run, 5000);
  await rig.killDaemon();
  expect(await blog.version()).toBe("v1");
  await rig.serve();
  expect(await blog.ended(run)).toMatchObject({ status: "completed" });
  expect(await blog.version()).toBe("v2");
  expect(await blog.status()).toMatchObject({ live_commit: v2, healthy: true });
});

test("orco deploy waits for the decision, and exits with what becomes of it", async () => {
  const blog = await app("decided", { protected_paths: ["schema.sql"] });
  await blog.deploy(await blog.commit({ version: "v1" }));
  await blog.commit({ version: "v2" }, { "schema.sql": "" });
  for (const [flags, code] of [
    [["--reject"], 1],
    [[], 0],
  ] as const) {
    const deploy = rig.start(["deploy", "--app", "decided"]);
    const run = await until("the run to wait", async () => waitingRun(blog), 10_000);
    await rig.orco(["approve", run, "--yes", ...flags]);
    const said = await deploy.ended;
    expect([said.code, said.err]).toEqual([code, expect.stringContaining(`decide: orco approve ${run}`)]);
  }
  expect(await blog.version()).toBe("v2");
});

async function waitingRun(blog: AppUnderTest): Promise<string | undefined> {
  const { run } = await blog.status();
  return run !== undefined && (await rig.client.run(run)).waiting ? run : undefined;
}
