import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { type Build, configOf, FakeService, files, lacks, running } from "./analyze.fake.ts";
import { type Analysis, analyze, type AnalyzeRequest } from "./analyze.ts";

let folder: string;
let workspace: string;
let said: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-analyze-"));
  workspace = join(folder, "shop");
  said = [];
  files(workspace, { "api/Dockerfile": "FROM base:1\nRUN install\n", "api/needs.txt": "" });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Wants these things in api/needs.txt, in this order, as steps of a build. */
function wants(...things: string[]): Build {
  return (read, say) => {
    const there = read("api/needs.txt").split("\n");
    for (const [at, thing] of things.entries()) {
      say(`Step ${at + 1}/${things.length} : RUN use ${thing}`);
      if (there.includes(thing)) continue;
      say(`needs ${thing}`);
      return false;
    }
    say("Successfully built abc");
    return true;
  };
}

type Known = ReturnType<typeof lacks>;
type More = Partial<AnalyzeRequest> & { known?: readonly Known[] };

function service(build: Build): FakeService {
  return new FakeService(workspace, configOf(workspace, "api"), build);
}

function analyzed(fake: FakeService, { known = [], ...more }: More = {}): Promise<Analysis> {
  return analyze({
    service: "api",
    workspace,
    config: fake.config,
    target: fake.target,
    tools: { distribution: async () => undefined, run: async () => ({ ok: false, message: "there is none", writes: new Map() }) },
    instruction: "make it work",
    diagnose: (evidence, { files: texts }) =>
      known.flatMap((one) => one(evidence, (path) => texts.get(path) ?? readFileSync(join(folder, "copy", path), "utf8")) ?? []),
    allow: () => true,
    work: { signal: new AbortController().signal, onLine: (line) => said.push(line) },
    root: join(folder, "copy"),
    ...more,
  });
}

test("several faults, one after another: one plan, the tree as it was, the copy gone", async () => {
  const fake = service(wants("glue", "paint"));
  const { outcome, finding, findings, changes, verdict, by } = await analyzed(fake, {
    known: [lacks("glue"), lacks("paint", { verdict: "approve" })],
  });
  expect({ outcome, verdict, by, first: finding?.signature, all: findings.length }).toEqual({
    outcome: "plan",
    verdict: "approve",
    by: "rules",
    first: "lacks:glue",
    all: 2,
  });
  expect(changes).toEqual([{ path: "api/needs.txt", before: "", after: "glue\npaint\n", mode: 0o644 }]);
  expect(readFileSync(join(workspace, "api/needs.txt"), "utf8")).toBe("");
  expect(existsSync(join(folder, "copy"))).toBe(false);
  expect(fake.builds).toBe(3);
});

test("more faults than it has rounds for: no plan of half a repair", async () => {
  const things = ["a", "b", "c", "d", "e"];
  const { outcome, changes } = await analyzed(service(wants(...things)), { known: things.map((one) => lacks(one)) });
  expect(outcome).toBe("unknown");
  expect(changes).toEqual([]);
});

test("an explanation that does not help is taken back, and the next one is tried", async () => {
  const wrong: Known = (evidence, read) => {
    const found = lacks("glue")(evidence, read);
    return (
      found && {
        finding: { ...found.finding, signature: "wrong:1" },
        remedy: { kind: "edits", edits: [{ path: "api/wrong.txt", text: "x" }] },
      }
    );
  };
  const { outcome, changes, findings } = await analyzed(service(wants("glue")), { known: [wrong, lacks("glue")] });
  expect(outcome).toBe("plan");
  expect(changes.map(({ path }) => path)).toEqual(["api/needs.txt"]);
  expect(findings.map(({ signature }) => signature)).toEqual(["lacks:glue", "wrong:1"]);
  expect(said).toContain("the build gets no further with it: taken back");
});

test("a remedy that makes it fail earlier is no remedy", async () => {
  const build: Build = (read, say) => {
    const isBroken = read("api/Dockerfile").includes("broken");
    say(isBroken ? "Step 1/3 : RUN early" : "Step 2/2 : RUN late");
    say(isBroken ? "needs sense" : "needs glue");
    return false;
  };
  const wrong: Known = (evidence, read) => {
    const found = lacks("glue", { path: "api/Dockerfile" })(evidence, read);
    return found && { ...found, remedy: { kind: "edits", edits: [{ path: "api/Dockerfile", text: "broken" }] } };
  };
  const { outcome, finding, evidence } = await analyzed(service(build), { known: [wrong] });
  expect([outcome, finding]).toEqual(["unknown", null]);
  expect(evidence).toContain("build: failed at RUN late");
  expect(evidence).toContain("build:2: needs glue");
});

test("it builds and runs, and nothing was said: nothing to repair", async () => {
  const fake = service(wants());
  fake.state = running();
  expect(await analyzed(fake, { given: ["all is well"] })).toMatchObject({ outcome: "nothing", hasContainer: true });
  expect(await analyzed(service(wants()), { given: ["all is well"] })).toMatchObject({ outcome: "nothing", hasContainer: false });
});

test("it builds, and its container dies of something unknown", async () => {
  const fake = service(wants());
  fake.state = running({ status: "restarting", exitCode: 3, restartCount: 7 });
  fake.logs = ["starting", "kaboom"];
  const { outcome, evidence } = await analyzed(fake);
  expect(outcome).toBe("unknown");
  expect(evidence[0]).toBe("state: the container is restarting, exit code 3, restarted 7 times");
  expect(evidence).toContain("container:2: kaboom");
});

test("a fault of the running container is mended once, however often its old log tells of it", async () => {
  const fake = service(wants());
  fake.state = running({ status: "exited", exitCode: 1 });
  fake.logs = ["api-1  | needs glue"];
  const { outcome, changes } = await analyzed(fake, { known: [lacks("glue")], given: ["needs glue"] });
  expect(outcome).toBe("plan");
  expect(changes[0]?.after).toBe("glue\n");
  expect(fake.builds).toBe(2);
});

test("the build that fails now counts more than an old log", async () => {
  const { findings } = await analyzed(service(wants("glue")), { known: [lacks("old"), lacks("glue")], given: ["needs old"] });
  expect(findings.map(({ signature }) => signature)).toEqual(["lacks:glue", "lacks:old"]);
});

test("known, and not to be mended: report", async () => {
  const { outcome, finding, changes } = await analyzed(service(wants("disk")), { known: [lacks("disk", { verdict: "report" })] });
  expect([outcome, finding?.signature, changes.length]).toEqual(["report", "lacks:disk", 0]);
  const refused = await analyzed(service(wants("glue")), { known: [lacks("glue")], allow: () => false });
  expect([refused.outcome, refused.finding?.signature]).toEqual(["report", "lacks:glue"]);
});

test("what a container that runs well complains of is no report", async () => {
  const fake = service(wants());
  fake.state = running();
  fake.logs = ["needs disk"];
  expect((await analyzed(fake, { known: [lacks("disk", { verdict: "report" })] })).outcome).toBe("nothing");
});

test("the network was away: twice more, and then it says so", async () => {
  const clock = new FakeClock();
  const fake = service(wants("network"));
  const waiting = analyzed(fake, { known: [lacks("network", { verdict: "retry" })], clock });
  while (!said.some((line) => line.startsWith("outcome"))) {
    await new Promise((turn) => setImmediate(turn));
    await clock.advance(1000);
  }
  expect((await waiting).outcome).toBe("retry");
  expect(fake.builds).toBe(3);
});

test("a build that hangs once with a remedy is tried once more; one that hangs at once is not", async () => {
  const fake = service(wants("glue"));
  fake.hangs = [2];
  expect((await analyzed(fake, { known: [lacks("glue")] })).outcome).toBe("plan");
  const hanging = service(wants("glue"));
  hanging.hangs = [1];
  expect((await analyzed(hanging, { known: [lacks("glue")] })).outcome).toBe("unknown");
  expect([fake.builds, hanging.builds]).toEqual([3, 1]);
});

test("the planner is asked only where nothing matches, and what it proposes is built by nobody yet", async () => {
  const asked: (readonly string[])[] = [];
  const planner = async ({ evidence }: { evidence: readonly string[] }) => {
    asked.push(evidence);
    return [{ path: "api/needs.txt", text: "glue\n" }];
  };
  const fake = service(wants("glue"));
  const { outcome, by, verdict, finding, changes } = await analyzed(fake, { planner });
  expect({ outcome, by, verdict, builds: fake.builds }).toEqual({ outcome: "plan", by: "llm", verdict: "approve", builds: 1 });
  expect(changes.map(({ path }) => path)).toEqual(["api/needs.txt"]);
  expect(finding?.signature).toMatch(/^planned:[0-9a-f]{16}$/);
  await analyzed(service(wants("glue")), { planner, known: [lacks("glue")] });
  expect(asked.length).toBe(1);
});

test("a lock file comes from a tool, and only what it may write", async () => {
  const tool: Known = (evidence, read) => {
    const found = lacks("lock")(evidence, read);
    const run = { image: "base:1", argv: ["lock"], cwd: "api", writes: ["api/needs.txt"], edits: [{ path: "api/extra.txt", text: "e" }] };
    return found && { finding: found.finding, remedy: { kind: "tool", run } };
  };
  const tools = {
    distribution: async () => undefined,
    run: async () => ({ ok: true, message: "", writes: new Map([["api/needs.txt", "lock\n"]]) }),
  };
  const { changes } = await analyzed(service(wants("lock")), { known: [tool], tools });
  expect(changes.map(({ path, before, after }) => [path, before, after])).toEqual([
    ["api/extra.txt", null, "e"],
    ["api/needs.txt", "", "lock\n"],
  ]);
  const failed = await analyzed(service(wants("lock")), { known: [tool] });
  expect([failed.outcome, failed.changes.length]).toEqual(["unknown", 0]);
  expect(said).toContain("it failed: there is none");
});

test("no secret in what is told of it", async () => {
  const fake = service(wants("hunter22"));
  fake.state = running({ status: "exited", exitCode: 1, error: "hunter22" });
  const { evidence } = await analyzed(fake, { mask: (line) => line.replaceAll("hunter22", "*") });
  expect(evidence.length).toBeGreaterThan(1);
  expect(JSON.stringify(evidence)).not.toContain("hunter22");
});
