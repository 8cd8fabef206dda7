import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contract, planOf } from "./repair-contract.ts";
import type { Fields } from "./runs-rig.ts";

setDefaultTimeout(90_000);
const found = await contract();
/** What a service asks for that gives it the machine, and where the rendered file says so. */
const ESCALATIONS: Readonly<Record<string, readonly [compose: string, pointer: string]>> = {
  privileged: ["privileged: true", "privileged"],
  pid: ["pid: host", "pid"],
  net: ["network_mode: host", "network_mode"],
  socket: ["volumes: ['/var/run/docker.sock:/var/run/docker.sock']", "volumes/0"],
  outside: ["volumes: ['/etc:/host:ro']", "volumes/0"],
  above: ["volumes: ['../:/host']", "volumes/0"],
  linked: ["volumes: ['./link:/host']", "volumes/0"],
  capable: ["cap_add: [SYS_ADMIN]", "cap_add"],
  device: ["devices: ['/dev/kmsg:/dev/kmsg']", "devices"],
  unconfined: ["security_opt: ['seccomp:unconfined']", "security_opt"],
  userns: ["userns_mode: host", "userns_mode"],
};
const POLICY = `services:
  allowed: {allow: [privileged], settle: 200ms}
  guarded: {protected: true, settle: 200ms}
`;

afterAll(() => found?.close());

describe.skipIf(!found)("the policy", () => {
  const c = found as NonNullable<typeof found>;

  beforeAll(async () => {
    const services = Object.entries(ESCALATIONS).map(([name, [compose]]) => [name, { compose, isWhole: true }] as const);
    c.project({ ...Object.fromEntries(services), allowed: { compose: "privileged: true" }, guarded: { isWhole: true } }, POLICY);
    symlinkSync("/var", join(c.rig.workspace, "link"));
    await c.rig.commit();
    await c.begin();
  });

  const plan = (service: string): Fields => {
    const text = c.rig.read(`${service}/Dockerfile`);
    return planOf(`${service}/Dockerfile`, text, `${text}# more\n`);
  };

  test.each(Object.keys(ESCALATIONS))("refuses a service that asks for more than its own: %s", async (service) => {
    const before = Bun.hash(c.rig.read("compose.yaml"));
    const { status, body } = await c.create(service);
    expect([status, body["code"]]).toEqual([422, "compose_refused"]);
    const pointers = (body["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers).toContain(`/services/${service}/${ESCALATIONS[service]?.[1]}`);
    expect(String(body["detail"])).toContain("orco.repair.yaml");
    expect(Bun.hash(c.rig.read("compose.yaml"))).toBe(before);
  });

  test("allows what the profile allows, as it stands at the commit: an edit of it counts when it is committed", async () => {
    const made = await c.create("allowed", { dry_run: true, plan: plan("allowed") });
    expect(made.status).toBe(202);
    expect((await c.ended(String(made.body["run_id"]))).status).toBe("succeeded");
    const text = c.rig.read("orco.repair.yaml");
    c.rig.write("orco.repair.yaml", text.replace("protected: true, ", "").replace("allow: [privileged], ", ""));
    const open = await c.create("guarded", { plan: plan("guarded") });
    expect(open.body as object).toMatchObject({ approval_required: true });
    expect((await c.waiting(String(open.body["run_id"]))).status).toBe("awaiting_approval");
    expect((await c.create("allowed", { dry_run: true, plan: plan("allowed") })).status).toBe(202);
    await c.cancel(String(open.body["run_id"]));
    await c.rig.commit("another policy");
    expect((await c.create("allowed", { dry_run: true })).status).toBe(422);
    expect((await c.create("guarded", { dry_run: true, plan: plan("guarded") })).body as object).toMatchObject({
      approval_required: false,
    });
  });

  test("is wrong aloud, with the place, and nothing is repaired", async () => {
    const text = c.rig.read("orco.repair.yaml");
    c.rig.write("orco.repair.yaml", `${text}  typo: {protectd: true}\n`);
    await c.rig.commit("a typing error");
    const { status, body } = await c.create("guarded");
    expect([status, body["code"]]).toEqual([400, "invalid"]);
    expect(JSON.stringify(body)).toContain("protectd");
    c.rig.write("orco.repair.yaml", text);
    await c.rig.commit("as it was");
  });

  test("of a folder without git is read as it stands; the same service twice is told apart by its project", async () => {
    const name = `${c.rig.project}two`;
    const other = join(c.rig.dir, name);
    mkdirSync(join(other, "guarded"), { recursive: true });
    writeFileSync(join(other, "compose.yaml"), "services:\n  guarded: {build: ./guarded, init: true}\n");
    writeFileSync(join(other, "guarded/Dockerfile"), 'FROM busybox:local\nCMD ["sleep", "1000"]\n');
    const cli = await c.rig.orco(["repair", "add", other]);
    expect([cli.code, cli.err]).toEqual([0, expect.stringContaining(`project ${name}`)]);
    const twice = await c.create("guarded", { dry_run: true });
    expect([twice.status, twice.body["code"]]).toEqual([400, "ambiguous_service"]);
    expect(twice.body["candidates"]).toEqual([`${c.rig.project}/guarded`, `${name}/guarded`] as never);
    const text = 'FROM busybox:local\nCMD ["sleep", "1000"]\n';
    const run = await c.through(`${name}/guarded`, { dry_run: true, plan: planOf("guarded/Dockerfile", text, `${text}# more\n`) });
    expect(run).toMatchObject({ status: "succeeded", project: name, action_plan: { target: { base_commit: null } } });
    writeFileSync(join(other, "orco.repair.yaml"), "version: 1\nservices:\n  guarded: {protected: true}\n");
    expect((await c.create(`${name}/guarded`, { plan: run.action_plan })).body as object).toMatchObject({ approval_required: true });
    const { projects } = (await c.ask("/orchestrator/projects")).body as { projects: { name: string; configured: boolean }[] };
    expect(projects.map((one) => [one.name, one.configured])).toEqual([
      [c.rig.project, true],
      [name, false],
    ]);
    const removed = await c.rig.orco(["repair", "remove", other]);
    expect(removed.code).toBe(0);
    expect((await c.create(`${name}/guarded`)).body["code"]).toBe("unknown_service");
    expect((await c.rig.orco(["repair", "remove", c.rig.workspace])).code).not.toBe(0);
    rmSync(other, { recursive: true });
  });

  test("keeps orco from itself", async () => {
    const source = join(import.meta.dirname, "../..");
    const { status, body } = await c.post("/orchestrator/projects", { workspace: source });
    expect([status, body["code"]]).toEqual([403, "self_repair"]);
  });
});
