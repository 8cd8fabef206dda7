import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ran, runMain } from "./daemon.fake.ts";

const COMPOSE = `services:
  web:
    image: shop/web:\${TAG}
    ports: ["8080:80"]
    container_name: web
    environment: { PASSWORD: hunter2 }
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-import-"));
  writeFileSync(join(folder, "docker-compose.yml"), COMPOSE);
  writeFileSync(join(folder, "docker-compose.override.yml"), "services: { web: { user: app } }");
  writeFileSync(join(folder, "plain.yml"), "services: { a: { image: i } }");
  writeFileSync(join(folder, "wrong.yml"), "services:\n  web:\n    image: x\n    restart: often\n");
  mkdirSync(join(folder, "sub"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const orco = (...args: string[]): Promise<Ran> => runMain(args, { cwd: folder, env: { ORCO_HOME: join(folder, "none") } });

describe("import compose, without a daemon", () => {
  test("prints the stack, and the report beside it", async () => {
    const { code, out, err } = await orco("import", "compose", "docker-compose.yml");
    expect(code).toBe(0);
    expect(out).toStartWith("# Made of docker-compose.yml by orco import compose.");
    expect(out).toContain("image: shop/web:${TAG}\n");
    expect(err).toContain("changed:\n  services.web.ports[0] = 8080:80 → services.web.ports[0]\n      on 127.0.0.1 only;");
    expect(err).toContain("left out:\n  services.web.container_name = web\n");
    expect(err).toContain("(compose takes them as empty): TAG\n");
    expect(err).toEndWith(
      "docker-compose.yml: 1 service; 2 carried, 1 changed, 1 left out\nnext: save it as stack.yaml beside its source, then orco lint\n",
    );
    expect(err).not.toContain("hunter2");
  });

  test("what the .env beside the result sets is not named as needed", async () => {
    const beside = join(folder, "beside");
    mkdirSync(beside);
    writeFileSync(join(beside, ".env"), "export TAG='1.2' # of the release\n");
    writeFileSync(join(beside, "compose.yml"), "services: { web: { image: 'shop/web:${TAG}', command: [x, '${LEVEL}'] } }");
    expect((await orco("import", "compose", "beside/compose.yml")).err).toContain("(compose takes them as empty): LEVEL\n");
    const elsewhere = await orco("import", "compose", "beside/compose.yml", "-o", "made.yaml");
    expect(elsewhere.err).toContain("(compose takes them as empty): TAG, LEVEL\n");
    rmSync(join(folder, "made.yaml"));
  });

  test("--quiet leaves the report out", async () => {
    expect(await orco("-q", "import", "compose", "docker-compose.yml")).toMatchObject({ code: 0, err: "" });
  });

  test("--json is the stack and the report", async () => {
    const { out, err } = await orco("import", "compose", "docker-compose.yml", "--json");
    const { stack, report } = JSON.parse(out) as { stack: object; report: { path: string }[] };
    expect(err).toBe("");
    expect(stack).toMatchObject({
      version: 0.1,
      services: { web: { image: "shop/web:${TAG}", ports: ["8080:80"], restartPolicy: { condition: "never" } } },
    });
    expect(report.find(({ path }) => path === "services.web.container_name")).toEqual({
      path: "services.web.container_name",
      value: "web",
      action: "dropped",
      reason: expect.stringContaining("orco names containers") as string,
    } as object as { path: string });
  });

  test("--strict exits 1 when something was left out, and prints all the same", async () => {
    const strict = await orco("import", "compose", "docker-compose.yml", "--strict");
    expect(strict.code).toBe(1);
    expect(strict.out).toContain("shop/web");
    expect(await orco("import", "compose", "plain.yml", "--strict")).toMatchObject({ code: 0 });
  });

  test("-o writes a file, never over another one without --force", async () => {
    const target = join(folder, "sub", "stack.yaml");
    const first = await orco("import", "compose", "docker-compose.yml", "-o", "sub/stack.yaml");
    expect(first).toMatchObject({ code: 0, out: "" });
    expect(readFileSync(target, "utf8")).toContain("  workdir: ..\n");
    expect(await orco("import", "compose", "plain.yml", "-o", "sub/stack.yaml")).toEqual({
      code: 5,
      out: "",
      err: "orco: sub/stack.yaml exists already\n      name another file, or replace it: --force\n",
    });
    expect(await orco("import", "compose", "plain.yml", "-o", "sub/stack.yaml", "--force")).toMatchObject({ code: 0 });
    expect(readFileSync(target, "utf8")).toContain("image: i\n");
    expect(await orco("-f", "sub/stack.yaml", "lint")).toMatchObject({ code: 0 });
  });

  test("a folder is its compose file with what overrides it; several files are merged", async () => {
    expect((await orco("import", "compose", ".")).out).toContain("user: app\n");
    const merged = await orco("import", "compose", "docker-compose.yml", "docker-compose.override.yml");
    expect(merged.out).toContain("user: app\n");
    expect(await orco("import", "compose", "sub")).toMatchObject({ code: 4 });
  });

  test("a wrong file is refused by file, line and column", async () => {
    const { code, out, err } = await orco("import", "compose", "wrong.yml");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("wrong.yml:4:14: error: expected no, always, on-failure");
    expect(err).toContain("  4 |     restart: often\n");
    expect(err).toContain("orco: wrong.yml has to be right before it can be imported\n");
  });

  test("no file, no such file, no such tool", async () => {
    expect(await orco("import", "compose")).toMatchObject({ code: 2 });
    expect(await orco("import", "compose", "gone.yml")).toMatchObject({ code: 4, err: "orco: gone.yml does not exist\n" });
    expect(await orco("import", "swarm", "x")).toMatchObject({ code: 2 });
  });
});
