import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { serviceContainers } from "../../src/repair/compose/containers.ts";
import type { ComposeCommand } from "../../src/repair/compose/run.ts";
import type { Before, Target } from "../../src/repair/target.ts";
import { inspectContainer } from "../../src/supervise/docker/containers.ts";
import { composesHere } from "../docker/compose.ts";
import { dockerHere } from "../docker/engine.ts";
import { until } from "../until.ts";
import { ComposeRig } from "./repair-compose-rig.ts";
import { contract, planOf, stepsOf } from "./repair-contract.ts";

setDefaultTimeout(120_000);
const engine = await dockerHere();
const composes = await composesHere(engine);
const rigs: ComposeRig[] = [];

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
});

/** It does not end when it is asked to. */
const STUBBORN = `"trap '' TERM; while :; do sleep 1; done"`;
const FILE = `services:
  api: { build: ./api, init: true, stop_grace_period: 1s }
  slow: { image: "busybox:local", command: [sh, -c, ${STUBBORN}], stop_grace_period: 3s }
`;
const BUILT = { built: true, restarted: true };

interface Repaired {
  readonly rig: ComposeRig;
  readonly target: Target;
  readonly before: Before;
}

/** A service that serves, with another build of it made. */
async function built(compose: ComposeCommand | undefined, file = FILE): Promise<Repaired> {
  if (!engine || !compose) throw new Error("no docker");
  const rig = new ComposeRig(compose, engine);
  rigs.push(rig);
  rig.write("docker-compose.yml", file);
  rig.write("api/Dockerfile", dockerfile("one"));
  await rig.operator("up", "-d", "--build");
  const target = await rig.target();
  const before = await target.record(rig.work());
  rig.write("api/Dockerfile", dockerfile("two"));
  await target.build(rig.work());
  return { rig, target, before };
}

function dockerfile(version: string): string {
  return `FROM busybox:local\nRUN echo ${version} > /version\nCMD ["sleep", "1000"]\n`;
}

async function restarted(compose: ComposeCommand | undefined, file = FILE): Promise<Repaired> {
  const repaired = await built(compose, file);
  await repaired.target.restart(repaired.before, repaired.rig.work());
  return repaired;
}

function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "it was not refused",
    (error: unknown) => error,
  );
}

async function staysDown({ rig, target, before }: Repaired): Promise<void> {
  expect(await refusal(target.restore(before, BUILT, rig.work()))).toMatchObject({ code: "unknown_service" });
  expect(await rig.containers()).toEqual([]);
  const { Id } = await rig.engine.call<{ Id: string }>("GET", `/images/${encodeURIComponent(before.imageName ?? "")}/json`);
  expect(Id).toBe(before.imageId ?? "");
}

for (const compose of composes)
  describe(`a service that somebody takes down with ${compose.argv.join(" ")} ${compose.version}`, () => {
    test("before it is restarted, or after it, stays down; its image is as it was", async () => {
      const early = await built(compose);
      await early.rig.operator("down");
      expect(await refusal(early.target.restart(early.before, early.rig.work()))).toMatchObject({ code: "unknown_service" });
      await staysDown(early);
      const late = await restarted(compose);
      expect(await late.target.isGone(late.rig.work().signal)).toBe(false);
      await late.rig.operator("down");
      expect(await late.target.isGone(late.rig.work().signal)).toBe(true);
      await staysDown(late);
    });

    test("is known to be so from its end on, however long the others of the project take", async () => {
      const { rig, target } = await restarted(compose);
      const down = rig.operator("down");
      await until("it to end", async () => (await target.state(rig.work().signal))?.status !== "running");
      expect(await target.isGone(rig.work().signal)).toBe(true);
      await down;
    });

    // The first kind names what it makes at once, and starts it before it removes the other: it is up then, and a repair goes on from there.
    test.skipIf(compose.major === 1)("while it is being replaced stays down, and nothing half-made is left", async () => {
      const repaired = await built(compose, FILE.replace("1s }", `8s, command: [sh, -c, ${STUBBORN}] }`));
      const { rig, target, before } = repaired;
      const restart = refusal(target.restart(before, rig.work()));
      const name = { project: rig.project, service: "api" };
      await until("compose to be at it", async () => (await serviceContainers(rig.engine, name)).length > 1, 60_000);
      await rig.engine.call("DELETE", `/containers/${before.containerId}`, { query: { force: true } });
      expect(await restart).toMatchObject({ code: "unknown_service" });
      await staysDown(repaired);
    });
  });

const [first] = composes;

describe.skipIf(!first)("a service that nobody takes down", () => {
  test("is not thought to be: it crashes, it is stopped, it is replaced", async () => {
    const { rig, target, before } = await restarted(first);
    const { signal } = rig.work();
    const { Id } = await rig.only();
    await rig.engine.call("POST", `/containers/${Id}/stop`);
    expect(await target.isGone(signal)).toBe(false);
    await target.restore(before, BUILT, rig.work());
    const seen = { isReplaced: false };
    const replaced = rig.operator("up", "-d", "--force-recreate", "api").finally(() => (seen.isReplaced = true));
    while (!seen.isReplaced) expect(await target.isGone(signal)).toBe(false);
    await replaced;
    rig.write("docker-compose.yml", FILE.replace("init: true", "init: true, command: [sh, -c, exit 3]"));
    await rig.operator("up", "-d", "api");
    await until("its end", async () => (await target.state(signal))?.status === "exited");
    expect(await target.isGone(signal)).toBe(false);
  });

  test("and that did not run has perhaps been swept away: it is repaired all the same", async () => {
    const { rig, target, before } = await built(first, FILE.replace("init: true", "init: true, command: [sh, -c, exit 3]"));
    await until("its end", async () => (await inspectContainer(rig.engine, before.containerId ?? "")).State.Status === "exited");
    const stopped = await rig.target();
    const seen = await stopped.record(rig.work());
    expect(seen.wasRunning).toBe(false);
    await rig.engine.call("DELETE", `/containers/${before.containerId}`);
    await stopped.restart(seen, rig.work());
    expect(await rig.containers()).toHaveLength(1);
    expect(await target.isGone(rig.work().signal)).toBe(false);
  });
});

const found = await contract();
afterAll(() => found?.close());

describe.skipIf(!found)("a repair whose service is taken down", () => {
  const c = found as NonNullable<typeof found>;
  const POLICY = `services:
  verified: {settle: 200ms, health: {url: "http://verified:9/", timeout: 60s}}
  built: {settle: 200ms}
`;

  beforeAll(async () => {
    c.project({ verified: { isWhole: true }, built: { isWhole: true } }, POLICY);
    await c.rig.commit();
    await c.rig.operator("up", "-d", "--build");
    await c.begin();
  });

  function admitted(service: string, line: string): Promise<string> {
    const text = c.rig.read(`${service}/Dockerfile`);
    return c.admitted(service, { plan: planOf(`${service}/Dockerfile`, text, text.replace("CMD", `${line}\nCMD`)) });
  }

  test("ends as one of a stack that is taken down: rolled back, its files as they were, and nothing runs", async () => {
    const [{ files }, tags] = [await c.rig.look(), await c.tags(c.rig.project)];
    const built = await admitted("built", `RUN echo ${c.rig.project}; sleep 30`);
    const verified = await admitted("verified", "RUN touch /patched");
    await c.inStep(built, "build");
    await c.inStep(verified, "verify");
    await c.rig.operator("down", "--timeout", "1");
    const [late, early] = [await c.ended(verified), await c.ended(built)];
    expect([late.error, early.error]).toEqual([
      { code: "verify_failed", message: expect.stringMatching(/^(?:container|http): it was taken down$/) },
      { code: "unknown_service", message: `${c.rig.project}/built was taken down meanwhile; docker compose up starts it` },
    ]);
    expect([stepsOf(late)["verify"], stepsOf(early)["restart"]]).toEqual(["failed", "failed"]);
    for (const { status, steps, run_id: id } of [late, early]) {
      expect([status, steps[5]?.status, steps[5]?.message]).toEqual([
        "rolled_back",
        "succeeded",
        "files are as they were; it was taken down meanwhile, and stays down",
      ]);
      expect(await c.tags(id)).toEqual([]);
    }
    expect(await c.rig.look()).toEqual({ files, images: {} });
    expect(await c.tags(c.rig.project)).toEqual(tags);
  });
});
