import { afterAll, describe, expect, test } from "bun:test";
import { messageOf } from "../../src/kernel/errors.ts";
import { until } from "../until.ts";
import { dockerRig } from "./docker-rig.ts";
import { crlf, DOCKERFILE, RepairedStack } from "./repair-stack-rig.ts";

const found = await dockerRig({ ORCO_REPAIR_COOLDOWN_MS: "0", ORCO_REPAIR_BREAKER_MS: "0" });
const stacks: RepairedStack[] = [];

afterAll(async () => {
  await Promise.all(stacks.map((one) => one.clean()));
});

const SERVICES = `services:
  api:
    build: ./api
    init: true
    restartPolicy: { maxRetries: -1, backoff: { min: 200ms, max: 500ms } }
  other: { image: "busybox:local", init: true, command: [sleep, "1000"] }`;

async function broken(...lines: readonly string[]): Promise<RepairedStack> {
  if (!found) throw new Error("no docker");
  const stack = found.rig.stack(SERVICES);
  stack.write("api/Dockerfile", DOCKERFILE);
  stack.write("api/start.sh", crlf(...lines));
  stack.write("orco.repair.yaml", "version: 1\nservices: { api: { settle: 500ms, restart_timeout: 20s } }\n");
  const repaired = new RepairedStack(found.rig, found.docker, stack);
  stacks.push(repaired);
  await repaired.commit();
  await stack.orco("up", "-d");
  await stack.whenService("api", "to have failed", ({ restarts }) => restarts > 0);
  await stack.whenService("other", "to run", ({ ready }) => ready);
  return repaired;
}

describe.if(found !== undefined)("a service of a stack", () => {
  test("is repaired: its image is built anew, its instances are replaced, all others stay", async () => {
    const repaired = await broken();
    const { stack } = repaired;
    const other = (await stack.service("other")).instances[0];
    const { run_id: id } = await repaired.repair(`${stack.name}/api`);
    const detail = await repaired.settled(id);
    expect([detail.status, detail.error]).toEqual(["succeeded", null]);
    expect(repaired.read("api/Dockerfile")).toContain("sed -i");
    expect(detail.action_plan?.target).toMatchObject({ project: stack.name, service: "api", workspace: stack.dir });
    expect(detail.action_plan?.target.base_commit).toMatch(/^[0-9a-f]{40}$/);
    expect((await stack.service("other")).instances[0]?.id).toBe(other?.id ?? "");
    expect(await stack.service("api")).toMatchObject({ state: "Running", ready: true });
    // What was repaired is what the stack is applied with from now on.
    expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json"))).toMatchObject({ changes: 0 });
  });

  test("that does not come up with the mended image is as it was before: every byte, and the image", async () => {
    const repaired = await broken("exit 3");
    const { stack } = repaired;
    const before = { files: repaired.files(), image: await imageOf(repaired) };
    // The stack of the test before has one too.
    const refused = await Promise.all(["api", "other"].map((target) => repaired.repair(target).catch(messageOf)));
    expect(refused).toEqual([expect.stringContaining("of several projects"), expect.stringContaining("not built here")]);
    const { run_id: id } = await repaired.repair(`${stack.name}/api`);
    const detail = await repaired.settled(id);
    expect(detail.status).toBe("rolled_back");
    // Whoever sees it first: the update, or the look whether it stays up.
    expect(["start_failed", "verify_failed"]).toContain(detail.error?.code ?? "");
    expect({ files: repaired.files(), image: await imageOf(repaired) }).toEqual(before);
    expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json"))).toMatchObject({ changes: 0 });
  });

  test("that is taken down while it is repaired stays down, and its files are as they were", async () => {
    const repaired = await broken();
    const { stack } = repaired;
    stack.write("orco.repair.yaml", "version: 1\nservices: { api: { settle: 60s } }\n");
    await repaired.commit();
    const before = repaired.files();
    const { run_id: id } = await repaired.repair(`${stack.name}/api`);
    await until("it to be looked at", async () => (await repaired.step(id, "verify")).status === "in_progress", 60_000);
    await stack.ok("down");
    const detail = await repaired.settled(id);
    expect([detail.status, (await repaired.step(id, "rollback")).message]).toEqual([
      "rolled_back",
      "files are as they were; it was taken down meanwhile, and stays down",
    ]);
    expect(repaired.files()).toEqual(before);
    expect(await repaired.tagsOf(id)).toEqual([]);
  });

  test("of which somebody applies another build meanwhile keeps that: a person has to look", async () => {
    const repaired = await broken();
    const { stack } = repaired;
    stack.write("orco.repair.yaml", "version: 1\nservices: { api: { settle: 60s } }\n");
    await repaired.commit();
    const { run_id: id } = await repaired.repair(`${stack.name}/api`);
    await until("it to be looked at", async () => (await repaired.step(id, "verify")).status === "in_progress", 60_000);
    stack.write("api/start.sh", "#!/bin/sh\n# somebody's\nexec sleep 1000\n");
    await stack.ok("apply");
    const theirs = await repaired.image("api");
    await stack.ok("repair", "cancel", id);
    const detail = await repaired.settled(id);
    expect([detail.status, (await repaired.step(id, "rollback")).message]).toEqual([
      "rollback_failed",
      expect.stringContaining(`another build of ${stack.name}/api was applied meanwhile, and stays`),
    ]);
    expect(await repaired.image("api")).toBe(theirs as string);
    expect(await stack.service("api")).toMatchObject({ state: "Running", ready: true });
  });
});

/** Between two starts there is no container. */
async function imageOf(repaired: RepairedStack): Promise<string> {
  for (;;) {
    const image = await repaired.image("api").catch(() => undefined);
    if (image !== undefined) return image;
  }
}
