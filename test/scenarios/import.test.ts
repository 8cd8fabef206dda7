import { describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { importCompose } from "../../src/stack/import/import.ts";
import { loadStack } from "../../src/stack/load/load.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import { type Rig, scenario } from "./rig.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples/migrate");

describe("the examples of the guides", () => {
  test.each(["docker-compose", "pm2", "supervisord", "process-compose"])("%s loads", (tool) => {
    const file = join(EXAMPLES, tool, "stack.yaml");
    const loaded = loadStack({
      source: readFileSync(file, "utf8"),
      file,
      workdir: join(EXAMPLES, tool),
      env: {},
      readFile: (path) => readFileSync(path, "utf8"),
    });
    expect(loaded.diagnostics).toEqual([]);
    expect(Object.keys(loaded.spec?.services ?? {})).toHaveLength(3);
  });

  test("that of docker compose is what orco import makes of it", () => {
    const file = join(EXAMPLES, "docker-compose", "docker-compose.yml");
    const { yaml } = importCompose({ files: [file], readFile: (path) => readFileSync(path, "utf8"), exists: existsSync });
    // The formatter of this repository writes [a], not [ a ].
    expect(yaml?.replaceAll(/\[ (.*) \]/g, "[$1]")).toBe(readFileSync(join(EXAMPLES, "docker-compose", "stack.yaml"), "utf8"));
  });

  for (const tool of ["pm2", "supervisord", "process-compose"])
    scenario(`${tool}: comes up, answers, and goes`, async (rig) => {
      cpSync(EXAMPLES, join(rig.dir, "migrate"), { recursive: true });
      const [cwd, port] = [join(rig.dir, "migrate", tool), freePort()];
      const env = { API_PORT: `${port}`, DATA_DIR: join(rig.dir, "data"), NODE: process.execPath };
      const up = await rig.orco(["up", "-d", "--wait"], { cwd, env });
      expect(up).toMatchObject({ code: 0 });
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('{"greeting":"hello"}\n');
      const { out } = await rig.orco(["status", "--json"], { cwd });
      const { services } = JSON.parse(out) as { services: { service: string; state: string; replicas: object }[] };
      expect(services.map(({ service, state }) => `${service} ${state}`).toSorted()).toEqual([
        "api Running",
        "migrate Stopped",
        "worker Running",
      ]);
      expect(await rig.orco(["down"], { cwd })).toMatchObject({ code: 0 });
    });
});

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

describe.skipIf(!found)("an imported stack", () => {
  test("runs as compose meant it: order, health, secrets, configs, ports, names", async () => {
    const port = freePort();
    const name = `imported-${port}`;
    const cwd = join(rig.dir, name);
    mkdirSync(cwd, { recursive: true });
    writeFileSync(join(cwd, "key.txt"), "s3cret");
    writeFileSync(join(cwd, "page.html"), "from a config\n");
    writeFileSync(
      join(cwd, "compose.yml"),
      `name: ${name}
services:
  first_step:
    image: ${docker.image}
    command: sh -c "echo made > /data/made"
    volumes: ["data:/data"]
  web:
    image: ${docker.image}
    command: ["httpd", "-f", "-p", "80", "-h", "/www"]
    init: true
    restart: always
    configs: [{ source: page, target: /www/index.html }]
    ports: ["${port}:80"]
    depends_on: { first_step: { condition: service_completed_successfully } }
    healthcheck: { test: wget -q -O /dev/null localhost, interval: 1s }
    stop_grace_period: 1s
  asks:
    image: ${docker.image}
    command: ["sh", "-c", "cat /data/made /run/secrets/key && echo && wget -q -O - http://web"]
    volumes: ["data:/data:ro"]
    secrets: [key]
    depends_on: { web: { condition: service_healthy } }
volumes: { data: }
configs: { page: { file: ./page.html } }
secrets: { key: { file: ./key.txt } }
`,
    );
    expect(await rig.orco(["import", "compose", "compose.yml", "-o", "stack.yaml"], { cwd })).toMatchObject({ code: 0 });
    expect(await rig.orco(["up", "-d", "--wait"], { cwd })).toMatchObject({ code: 0 });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("from a config\n");
    const said = await until("the one that asks to have said all", async () => {
      const { out } = await rig.orco(["logs", "asks", "--json"], { cwd });
      const lines = out
        .split("\n")
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { message: string }).message);
      return lines.length >= 3 ? lines : undefined;
    });
    expect(said).toEqual(["made", expect.not.stringContaining("s3cret") as string, "from a config"]);
    expect(await rig.orco(["down", "--volumes"], { cwd })).toMatchObject({ code: 0 });
    expect(await docker.containers(name)).toEqual([]);
  });
});
