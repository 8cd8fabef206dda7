import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { Compose } from "../../src/repair/compose/detect.ts";
import type { ComposeCommand } from "../../src/repair/compose/run.ts";
import { Projects } from "../../src/repair/projects.ts";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { composesHere } from "../docker/compose.ts";
import { dockerHere } from "../docker/engine.ts";

const found = await dockerHere();
const composes = await composesHere(found);
const engine = found ?? new Engine("unix:///nowhere");
const clock = systemClock();
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "orco-projects-")));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function projectsIn(configured: readonly string[], { argv }: Pick<ComposeCommand, "argv">, added: readonly string[] = []): Projects {
  const compose = new Compose({ configured: argv.join(" "), engine, env: process.env, clock });
  return new Projects({ configured, added: () => added, compose, env: process.env, clock });
}

function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "it was not refused",
    (error: unknown) => error,
  );
}

const ONE = "services:\n  api: { build: ./api }\n  web: { image: nginx:1, profiles: [extra] }\n";

for (const compose of composes)
  describe(`projects, with ${compose.argv.join(" ")} ${compose.version}`, () => {
    test("that do not render say so without the operator's secrets, which compose quotes", async () => {
      const folder = folderWith({
        ".env": "DB_PASSWORD=hunter2-canary\n",
        "compose.yaml": 'services: {api: {image: "busybox:local", ports: ["${DB_PASSWORD}:x:y:z"]}}\n',
      });
      const [view] = await projectsIn([folder], compose).list();
      expect(view?.error).toContain("does not render");
      // The first kind does not quote it.
      if (compose.major === 2) expect(view?.error).toContain("[redacted]");
      expect(view?.error).not.toContain("hunter2-canary");
    });

    test("are named as compose names them, and a service is found in them by its name", async () => {
      const root = folderWith({
        "Shop.1/docker-compose.yml": ONE,
        // The first kind of compose wants it to be there.
        "Shop.1/api/Dockerfile": "",
        "b/docker-compose.yml": "services: { api: { image: x }, jobs: { image: y } }\n",
        "b/.env": "COMPOSE_PROJECT_NAME=wiki\n",
        "c/docker-compose.yml": "services: { one: { image: x } }\n",
        "c/prod/compose.yml": "services: { two: { build: . }, one: { image: z } }\n",
        "c/orco.repair.yaml":
          "version: 1\nproject: named\nservices: { two: { compose_file: prod/compose.yml, roles: [lead] }, thre: { protected: true }, ones: { protected: true } }\n",
      });
      const at = (name: string): string => join(root, name);
      const projects = projectsIn([at("Shop.1"), at("b")], compose, [at("c"), at("b")]);
      const list = await projects.list();
      expect(list.map(({ name, workspace, configured, error }) => [name, workspace, configured, error])).toEqual([
        ["named", at("c"), false, null],
        ["shop1", at("Shop.1"), true, null],
        ["wiki", at("b"), true, null],
      ]);
      expect(list[1]?.services).toEqual([
        { name: "api", protected: false, buildable: true, repair: "off" },
        { name: "web", protected: true, buildable: false, repair: "off" },
      ]);
      const gone = (name: string): string =>
        `orco.repair.yaml names the service "${name}", which compose does not have: what it says there holds for none`;
      expect(list.map(({ warnings }) => warnings)).toEqual([[gone("thre"), `${gone("ones")}; did you mean "one"?`], [], []]);
      expect(await projects.resolve("two")).toMatchObject({
        project: { name: "named", composeFile: at("c/prod/compose.yml") },
        profile: { roles: ["lead"] },
      });
    });
  });

describe.skipIf(composes.length === 0)("projects", () => {
  const [compose] = composes as [ComposeCommand];

  test("have a service by its name, or do not", async () => {
    const root = folderWith({
      "shop/docker-compose.yml": ONE,
      "b/docker-compose.yml": "services: { api: { image: x }, jobs: { image: y } }\n",
      "b/.env": "COMPOSE_PROJECT_NAME=wiki\n",
    });
    const at = (name: string): string => join(root, name);
    const projects = projectsIn([at("shop"), at("b")], compose);
    expect(await projects.resolve("jobs")).toMatchObject({ service: "jobs", project: { name: "wiki", envFile: at("b/.env") } });
    expect(await projects.resolve("wiki/api")).toMatchObject({
      project: { workspace: at("b"), composeFile: at("b/docker-compose.yml") },
    });
    expect(await refusal(projects.resolve("api"))).toMatchObject({
      code: "ambiguous_service",
      facts: { candidates: ["shop/api", "wiki/api"] },
    });
    expect(await refusal(projects.resolve("job"))).toMatchObject({
      code: "unknown_service",
      message: expect.stringContaining("did you mean jobs?"),
      facts: { nearest: "jobs", services: ["shop/api", "shop/web", "wiki/api", "wiki/jobs"] },
    });
  });

  test("that do not render say so in compose's words, and do not stand in the way of others", async () => {
    const root = folderWith({
      "a/docker-compose.yml": ONE,
      "a/api/Dockerfile": "",
      "b/docker-compose.yml": "services: { x: { imagee: y } }\n",
      "c/readme": "",
    });
    const [a, b, c] = ["a", "b", "c"].map((name) => join(root, name)) as [string, string, string];
    const projects = projectsIn([a, b, c, join(root, "gone")], compose);
    expect((await projects.list()).map(({ name, error }) => [name, error === null])).toEqual([
      ["a", true],
      ["b", false],
      ["c", false],
      ["gone", false],
    ]);
    expect(await projects.resolve("api")).toMatchObject({ project: { name: "a" } });
    expect(await refusal(projects.resolve("b/x"))).toMatchObject({
      code: "compose_invalid",
      message: expect.stringContaining("imagee"),
      facts: { file: join(b, "docker-compose.yml") },
    });
    expect(await refusal(projects.resolve("x"))).toMatchObject({
      code: "unknown_service",
      message: expect.stringContaining("b cannot be read"),
    });
    expect(await refusal(projectsIn([c], compose).resolve("x"))).toMatchObject({ code: "compose_invalid" });
  });

  test("have profiles, those of a commit; what lies about uncommitted says nothing", async () => {
    const root = folderWith({
      "docker-compose.yml": ONE,
      "orco.repair.yaml": "version: 1\nservices: { api: { protected: true, roles: [lead] } }\n",
    });
    const git = (...args: string[]): string =>
      Bun.spawnSync(["git", "-C", root, "-c", "user.name=a", "-c", "user.email=a@b", ...args])
        .stdout.toString()
        .trim();
    git("init", "-q");
    git("add", "orco.repair.yaml");
    git("commit", "-qm", "one");
    const commit = git("rev-parse", "HEAD");
    writeFileSync(join(root, "orco.repair.yaml"), "version: 1\nservices: { api: { roles: [anybody] } }\n");
    const projects = projectsIn([root], compose);
    expect((await projects.resolve("api")).profile).toMatchObject({ protected: true, roles: ["lead"] });
    expect((await projects.at(root, "api", commit)).profile.roles).toEqual(["lead"]);
    expect((await projects.at(root, "api", null)).profile.roles).toEqual(["anybody"]);
    expect(await refusal(projects.at(root, "api", "0".repeat(40)))).toMatchObject({ code: "invalid" });
    writeFileSync(join(root, "orco.repair.yaml"), "version: 3\n");
    expect(await refusal(projects.at(root, "api", null))).toMatchObject({ code: "invalid", message: expect.stringContaining(":1:10:") });
  });

  test("without docker, or without compose, nothing is looked at", async () => {
    const away = new Compose({ engine: new Engine("unix:///nowhere/sock"), env: process.env, clock });
    expect(await refusal(away.find())).toMatchObject({ code: "docker_unavailable", message: expect.stringContaining("/nowhere/sock") });
    for (const argv of [["no-such-compose"], ["false"]])
      expect(await refusal(projectsIn([], { argv }).resolve("x"))).toMatchObject({
        code: "docker_unavailable",
        message: expect.stringContaining("ORCO_COMPOSE"),
      });
    const bare = new Compose({ engine, env: { PATH: "/nowhere" }, clock });
    expect(await refusal(bare.find())).toMatchObject({
      code: "docker_unavailable",
      message: expect.stringContaining("apt-get install docker-compose"),
    });
  });
});
