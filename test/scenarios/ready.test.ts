import { afterEach, expect, test } from "bun:test";
import { RunsRig } from "./runs-rig.ts";

interface Ready {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

let rig: RunsRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function ready(env: Record<string, string>): Promise<{ status: number; said: Ready }> {
  rig = new RunsRig(env);
  await rig.up();
  const { status, text } = await rig.get("/ready");
  return { status, said: JSON.parse(text) as Ready };
}

test("a docker that is named and does not answer is told, and nobody is ready without it", async () => {
  const { status, said } = await ready({ DOCKER_HOST: "tcp://127.0.0.1:1", ORCO_REPAIR_WORKSPACE: "/srv/shop" });
  expect([status, said.ok]).toEqual([503, false]);
  const check = said.checks.find(({ name }) => name === "docker");
  expect([check?.ok, check?.detail.includes("docker does not answer at tcp://127.0.0.1:1")]).toEqual([false, true]);
});

test("a compose project to be repaired needs docker, wherever it is", async () => {
  const { said } = await ready({ DOCKER_HOST: "", ORCO_REPAIR_WORKSPACE: "/srv/shop" });
  expect(said.checks.map(({ name }) => name)).toContain("docker");
});

test("where nothing is to do with docker it is not asked", async () => {
  const { status, said } = await ready({ DOCKER_HOST: "", ORCO_REPAIR_WORKSPACE: "" });
  expect([status, said.checks.map(({ name }) => name)]).toEqual([200, ["journal", "kubernetes"]]);
});
