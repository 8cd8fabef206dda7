import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processorTime } from "../../test/processor-time.ts";
import { FakeClock } from "../kernel/clock.ts";
import { checkGivenPlan } from "./given-plan.ts";
import type { OpenTarget } from "./host.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import { sha256Of } from "./patch/place.ts";
import type { ActionPlan } from "./plan.ts";

const TEXT = "FROM busybox:local\nCMD true\n";
const DIFF =
  "diff --git a/api/Dockerfile b/api/Dockerfile\n--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ -1,2 +1,3 @@\n FROM busybox:local\n+RUN true\n CMD true\n";
const PATCH = { name: "patch", parameters: { diff: DIFF } };
const SECRET = "canary-7f3d9b2c5e";

let workspace: string;
beforeEach(() => {
  workspace = realpathSync(mkdtempSync(join(tmpdir(), "orco-given-plan-")));
  mkdirSync(join(workspace, "api"));
  writeFileSync(join(workspace, "api/Dockerfile"), TEXT);
});
afterEach(() => rmSync(workspace, { recursive: true }));

function check(plan: object): Promise<ActionPlan> {
  const project = { name: "shop", workspace, composeFile: join(workspace, "compose.yaml"), services: ["api"], approvers: [] };
  const ref = { project, service: "api", profile: { allow: [], block: [] } };
  const build = { context: join(workspace, "api"), dockerfile: "Dockerfile", args: {} };
  const opened = { ref, config: { build, raw: {} }, redactor: new Redactor([SECRET]), secrets: [SECRET, "build", "name"], others: [] };
  return checkGivenPlan(opened as unknown as OpenTarget, plan, { clock: new FakeClock() });
}

function refusal(plan: object): Promise<unknown> {
  return check(plan).then(
    () => "taken",
    (error: unknown) => error,
  );
}

/** `pointer`s of what is wrong with it. */
async function wrongIn(plan: object): Promise<unknown> {
  const { code, facts } = (await refusal(plan)) as { code?: string; facts?: { errors?: { pointer: string }[] } };
  return [code, facts?.errors?.map(({ pointer }) => pointer)];
}

test("names are taken in either case, and what is left out is filled in", async () => {
  const camel = { planId: "p", generatedAt: "2026-01-01T00:00:00Z", generatedBy: "operator", steps: [PATCH] };
  const plan = await check(camel);
  expect(plan).toMatchObject({ version: 1, generated_by: "operator", finding: null, steps: [{ name: "patch" }] });
  expect(plan.target).toEqual({
    service: "api",
    compose_file: join(workspace, "compose.yaml"),
    project: "shop",
    workspace,
    base_commit: null,
  });
  expect(plan.files).toEqual([
    {
      path: "api/Dockerfile",
      pre_sha256: sha256Of(TEXT),
      post_sha256: sha256Of(TEXT.replace("CMD", "RUN true\nCMD")),
    },
  ]);
  const { composeFile, baseCommit } = { composeFile: plan.target.compose_file, baseCommit: plan.target.base_commit };
  const files = plan.files.map(({ path, pre_sha256: preSha256, post_sha256: postSha256 }) => ({ path, preSha256, postSha256 }));
  const { service, project } = plan.target;
  const back = await check({ ...camel, target: { service, project, workspace, composeFile, baseCommit }, files });
  expect(back).toEqual({ ...plan, plan_id: back.plan_id });
  expect(await check(plan)).toEqual({ ...plan, plan_id: expect.any(String) as never });
});

test("what is no plan is told with the place", async () => {
  const cases: readonly (readonly [string, object])[] = [
    ["/plan/more", { steps: [PATCH], more: 1 }],
    ["/plan/planId", { steps: [PATCH], planId: "a", plan_id: "b" }],
    ["/plan/steps", {}],
    ["/plan/steps/0/parameters/diff", { steps: [{ name: "patch", parameters: {} }] }],
    ["/plan/steps/0/parameters/a~1b", { steps: [{ name: "patch", parameters: { diff: "", "a/b": 1 } }] }],
    ["/plan/target/host", { steps: [PATCH], target: { host: "a" } }],
    ["/plan", []],
  ];
  for (const [pointer, plan] of cases) expect(await wrongIn(plan)).toEqual(["invalid", [pointer]]);
});

test("one patch is all a plan has: what a second one does would be looked at by nobody", async () => {
  const second = { name: "patch", parameters: { diff: "--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -0,0 +1 @@\n+x\n" } };
  expect(await wrongIn({ steps: [PATCH, second] })).toEqual(["invalid", ["/plan/steps/1"]]);
  expect(await wrongIn({ steps: [PATCH, { name: "build" }, second, PATCH] })).toEqual(["invalid", ["/plan/steps/2", "/plan/steps/3"]]);
  expect((await check({ steps: [{ name: "clone" }, PATCH, { name: "build" }] })).steps).toHaveLength(3);
});

test("what stands beside the lines of a diff is not kept", async () => {
  const noisy = DIFF.replace(" @@\n", ` @@ ${SECRET}\n`).replace("--- a/api/Dockerfile", `--- a/api/Dockerfile\t${SECRET}`);
  expect(noisy).not.toBe(DIFF);
  const plan = await check({ steps: [{ name: "patch", parameters: { diff: noisy } }] });
  expect(plan.steps).toEqual([PATCH] as never);
  const nothing = DIFF.replace("+RUN true", "-CMD true").replace("\n CMD", "\n+CMD").replace("+1,3", "+1,2");
  expect(await check({ steps: [{ name: "patch", parameters: { diff: nothing } }] })).toMatchObject({
    files: [],
    steps: [{ parameters: { diff: "" } }],
  });
});

test("a plan with a great many texts is read in one go", async () => {
  const many = Array.from({ length: 200_000 }, (_, at) => `a${at}`);
  const spent = processorTime();
  expect((await check({ steps: [PATCH, { name: "build", parameters: { many } }] })).steps).toHaveLength(2);
  expect(spent()).toBeLessThan(2000);
});

test("a secret is refused wherever it stands in a plan, and the answer does not repeat it", async () => {
  const base64 = Buffer.from(SECRET).toString("base64");
  const parameters: readonly object[] = [{ x: SECRET }, { [SECRET]: 1 }, { deep: [{ list: ["a", `b\n${SECRET}`] }] }, { x: `a${base64}` }];
  const plans = parameters.map((one) => ({ steps: [PATCH, { name: "build", parameters: one }] }));
  for (const plan of [...plans, { steps: [{ name: "patch", parameters: { diff: DIFF.replace("RUN true", `RUN ${SECRET}`) } }] }]) {
    const error = (await refusal(plan)) as { message: string; facts: object };
    expect(error).toMatchObject({ code: "patch_refused", facts: { errors: [{ rule: "secret", pointer: "/plan" }] } });
    expect(error.message + JSON.stringify(error.facts)).not.toContain(SECRET);
  }
  expect(JSON.stringify(await refusal({ steps: [PATCH], [SECRET]: 1 }))).not.toContain(SECRET);
  const plain = await check({ steps: [PATCH, { name: "build", parameters: { x: ["canary", 7, null] } }] });
  expect(plain.steps[1]?.parameters).toEqual({ x: ["canary", 7, null] });
});

test("a plan for other files, or another commit, is outdated; it says which", async () => {
  const plan = await check({ steps: [PATCH] });
  const [file] = plan.files;
  const zeros = { ...file, pre_sha256: "0".repeat(64) };
  for (const files of [[zeros], [{ ...file, pre_sha256: null }]]) {
    const error = await refusal({ steps: [PATCH], files });
    expect(error).toMatchObject({ code: "plan_outdated", facts: { files: ["api/Dockerfile"] } });
    expect((error as Error).message).toContain("api/Dockerfile changed");
  }
  const made = await refusal({ ...plan, target: { ...plan.target, base_commit: "a".repeat(40) } });
  expect(made).toMatchObject({
    code: "plan_outdated",
    facts: { base_commit: null },
    message: expect.stringContaining("at commit none now"),
  });
  // A diff that fits no more is one of files that changed, where it is known of which.
  writeFileSync(join(workspace, "api/Dockerfile"), `# mine\n${TEXT}`);
  expect(await refusal(plan)).toMatchObject({ code: "plan_outdated" });
  expect(await refusal({ steps: [PATCH] })).toMatchObject({ code: "patch_refused" });
});

test("a plan for another target, or that says of its files what is not so, is none of this repair", async () => {
  const { target, files } = await check({ steps: [PATCH] });
  const [file] = files;
  expect(await wrongIn({ steps: [PATCH], target: { service: "worker", workspace: "/etc" } })).toEqual([
    "invalid",
    ["/plan/target/service", "/plan/target/workspace"],
  ]);
  expect((await refusal({ steps: [PATCH], target: { service: "worker" } })) as Error).toMatchObject({
    message: "the plan is not valid: /plan/target/service: is api in this repair",
  });
  expect(await wrongIn({ steps: [PATCH], target: { ...target, compose_file: null } })).toEqual(["invalid", ["/plan/target/compose_file"]]);
  expect(await wrongIn({ steps: [PATCH], target: { ...target, project: "other" } })).toEqual(["invalid", ["/plan/target/project"]]);
  const other = { path: "api/requirements.txt", pre_sha256: null, post_sha256: null };
  expect(await wrongIn({ steps: [PATCH], files: [{ ...file, post_sha256: null }] })).toEqual(["invalid", ["/plan/files/0/post_sha256"]]);
  expect(await wrongIn({ steps: [PATCH], files: [file, other] })).toEqual(["invalid", ["/plan/files/1/path"]]);
  expect(await wrongIn({ steps: [PATCH], files: [other] })).toEqual(["invalid", ["/plan/files/0/path", "/plan/files"]]);
  expect(await check({ steps: [PATCH], target: { service: "api" }, files: [{ path: "api/Dockerfile" }] })).toMatchObject({ target, files });
});
