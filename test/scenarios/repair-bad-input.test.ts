import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FlakySocket } from "../docker/flaky-socket.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Contract, pathIn, planOf, stepsOf } from "./repair-contract.ts";
import { repairRig } from "./repair-rig.ts";
import type { Fields } from "./runs-rig.ts";

setDefaultTimeout(90_000);
const address = `127.0.0.1:${freePort()}`;
const rig = await repairRig({ ORCHD_BIND_ADDR: address });
const found = rig && new Contract(rig, `http://${address}`);

afterAll(() => found?.close());

describe.skipIf(!found)("bad input", () => {
  const c = found as NonNullable<typeof found>;
  let docker: FlakySocket;

  beforeAll(async () => {
    const path = join(c.rig.dir, "docker.sock");
    docker = new FlakySocket(path, c.rig.engine.host.replace("unix://", ""));
    Object.assign(c.rig.env, { DOCKER_HOST: `unix://${path}` });
    c.project({ api: { isWhole: true } }, "services:\n  api: {settle: 200ms}\n");
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build");
    await c.begin();
  });
  afterAll(() => docker.take());

  const plan = (line: string): Fields => {
    const text = c.rig.read("api/Dockerfile");
    return planOf("api/Dockerfile", text, text.replace("CMD", `${line}\nCMD`));
  };

  test("of docker that goes in the midst of a build: all is as before when it is back; without it nothing is admitted", async () => {
    const [before, tags] = [await c.rig.look(), await c.tags(c.rig.project)];
    const id = await c.admitted("api", { plan: plan("RUN echo begun; sleep 30") });
    await until("the build to run", async () => (await c.artifact(id, "build.log").catch(() => "")).includes("begun"), 20_000);
    await docker.take();
    const { status, body } = await c.create("api");
    expect([status, body["code"]]).toEqual([503, "docker_unavailable"]);
    expect(String(body["detail"])).toMatch(/docker/i);
    await c.when(id, "the end of its build", ({ steps }) => steps.some((step) => step.name === "build" && step.status === "failed"));
    await until("the files to be as they were", async () => Bun.deepEquals((await c.rig.look()).files, before.files));
    docker.give();
    const detail = await c.ended(id);
    expect(detail).toMatchObject({ status: "rolled_back" });
    expect(detail.error).toEqual({ code: "docker_unavailable", message: expect.any(String) });
    expect(await c.rig.look()).toEqual(before);
    expect((await c.rig.container("api"))?.State.Running).toBe(true);
    expect(await c.tags(c.rig.project)).toEqual(tags);
  });

  test("of a compose file that is not there, or is none", async () => {
    const text = c.rig.read("compose.yaml");
    c.rig.write("compose.yaml", "services: [\n");
    const wrong = await c.create("api");
    expect([wrong.status, wrong.body["code"]]).toEqual([422, "compose_invalid"]);
    c.rig.write("compose.yaml", "services:\n  api: {build: ./api, image: 7}\n");
    const invalid = await c.create("api");
    expect([invalid.status, invalid.body["code"]]).toEqual([422, "compose_invalid"]);
    renameSync(pathIn(c, "compose.yaml"), pathIn(c, "compose.kept"));
    const gone = await c.create("api");
    expect([gone.status, gone.body["code"]]).toEqual([422, "compose_invalid"]);
    renameSync(pathIn(c, "compose.kept"), pathIn(c, "compose.yaml"));
    c.rig.write("compose.yaml", text);
    const image = text.replace("build: ./api", "image: busybox:local");
    c.rig.write("compose.yaml", image);
    const unbuilt = await c.through("api", { logs: "exec /start.sh: no such file or directory\n" });
    expect(["failed"]).toEqual([unbuilt.status]);
    expect(stepsOf(unbuilt)).toMatchObject({ patch: "skipped", build: "skipped" });
    c.rig.write("compose.yaml", text);
  });

  test("of a log of 500 MB: it is read at a run, its end counts, and the memory stays", async () => {
    const path = join(c.rig.dir, "big.log");
    const fd = openSync(path, "w");
    const line = `${"x".repeat(99)}\n`.repeat(10_000);
    for (let written = 0; written < 500; written++) writeSync(fd, line);
    writeSync(fd, "\u001b[31mModuleNotFoundError: No module named 'yaml'\u001b[0m\n");
    closeSync(fd);
    const started = c.rig.start(["repair", "analyze", "--log", path]);
    let most = 0;
    await until(
      "the end of the analysis",
      () => {
        // Of a process that has ended there is no such line.
        const status = readFileSync(`/proc/${started.pid}/status`, "utf8");
        const found = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
        most = Math.max(most, Number(found ?? 0));
        return found === undefined;
      },
      60_000,
    ).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    });
    const said = await started.ended;
    expect(said.out + said.err).toContain("yaml");
    expect(said.out).not.toContain("\u001b");
    expect(said.code).toBe(0);
    expect(most / 1024).toBeWithin(10, 400);
  });

  test("of a request that is too large, or no JSON", async () => {
    const large = await c.create("api", { logs: "x".repeat(9 * 1024 * 1024) });
    expect([large.status, large.body["code"]]).toEqual([413, "too_large"]);
    const none = await c.ask("/orchestrator/runs", { method: "POST", raw: "{", headers: { "content-type": "application/json" } });
    expect([none.status, none.body["code"]]).toEqual([400, "invalid"]);
  });
});
