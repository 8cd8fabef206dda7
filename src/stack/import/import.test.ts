import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unaccounted } from "./accounted.fake.ts";
import { type Imported, importCompose } from "./import.ts";
import { importText, loaded, problemsOf, SAMPLES } from "./sample.fake.ts";

function sample(name: string, ...others: string[]): Imported {
  const [first, ...rest] = [name, ...others].map((one) => join(SAMPLES, one));
  return importCompose({ files: [first ?? "", ...rest], readFile: (path) => readFileSync(path, "utf8"), exists: existsSync });
}

function services(found: Imported): Record<string, Record<string, unknown>> {
  expect(found.diagnostics).toEqual([]);
  return found.stack?.["services"] as Record<string, Record<string, unknown>>;
}

describe("a file with every key", () => {
  const found = sample("everything.yml");

  test("loads", () => {
    expect(Object.keys(loaded(found).services)).toEqual(["web-front", "my-api", "migrate", "cache", "db"]);
  });

  test("has each key in the report", () => {
    expect(unaccounted(readFileSync(join(SAMPLES, "everything.yml"), "utf8"), found.report)).toEqual([]);
  });

  test("has a reason for each, and none that orco knows nothing of but what is mistyped", () => {
    expect(found.report.filter(({ reason }) => reason === "" || reason === "orco has no place for it")).toEqual([]);
    expect(found.report.filter(({ reason }) => reason.startsWith("compose has no key")).map(({ path, reason }) => [path, reason])).toEqual([
      ["services.web_Front.comand", 'compose has no key comand that orco knows of; did you mean "command"?'],
    ]);
  });

  test("says in the YAML where it does something else, and what is left out", () => {
    const yaml = found.yaml ?? "";
    expect(yaml).toContain(
      '      # on 127.0.0.1 only; on every address, as compose publishes it (0.0.0.0): "0.0.0.0:8080:80"\n      - "8080:80"\n',
    );
    expect(yaml).toContain("      # shop-db leads nowhere here: the service is reached as db\n      DATABASE_HOST: shop-db\n");
    expect(yaml).toContain(
      "  # left out: deploy.mode, logging.driver, logging.options.syslog-address, network_mode, container_name\n  db:\n",
    );
    expect(yaml).toContain("command: [ node, server.js, --cost=$$5 ]");
  });

  test("keeps variables, and names those that orco wants set", () => {
    expect(services(found)["web-front"]).toMatchObject({
      image: "registry.example.com/shop/web:${TAG:-latest}",
      env: { LEVEL: "${LEVEL:-info}", PASSED: "${PASSED}" },
    });
    expect(found.variables).toEqual(["TOKEN", "PASSED", "DEBUG"]);
  });
});

test("extends: of the file and of another one, whose paths are its own", () => {
  const found = sample("extends.yml");
  const { web, worker } = services(found);
  expect(web).toMatchObject({
    image: "shop/base",
    build: "./base",
    command: ["serve"],
    env: { MODE: "production", LEVEL: "info" },
    envFromFile: ["./base/base.env"],
    ports: ["8080:8080"],
    volumes: ["./base/shared:/data", "./up:/up"],
    restartPolicy: { condition: "always", maxRetries: -1 },
  });
  expect(worker).toMatchObject({ command: ["work"], volumes: ["./worker:/data"], env: { MODE: "production" } });
  expect(worker).not.toHaveProperty("ports");
  expect(Object.keys(loaded(found).services)).toEqual(["web", "worker"]);
});

test("include: files of another folder", () => {
  const found = sample("include.yml");
  const { app, store } = services(found);
  expect(store).toMatchObject({ image: "shop/store", env: { LOCAL: "yes" }, volumes: ["./more/data:/data", "kept:/kept"] });
  expect(app).toMatchObject({ dependsOn: [{ target: "store", require: "started" }] });
  expect(Object.keys(loaded(found).services).toSorted()).toEqual(["app", "store"]);
});

test("a later file is merged over an earlier one as compose does", () => {
  const found = sample("override.base.yml", "override.dev.yml");
  expect(services(found)["web"]).toEqual({
    image: "shop/web:dev",
    command: "c",
    env: { A: "1", B: "3", C: "4" },
    ports: ["80:80", "81:81"],
    volumes: ["./other:/data", "./two:/two"],
    dependsOn: [{ target: "db", require: "ready" }],
    restartPolicy: { condition: "never" },
    labels: { x: "1", y: "2" },
  });
});

test("into another folder: paths stay right by workdir", () => {
  const files: [string] = [join(SAMPLES, "include.yml")];
  const found = importCompose({ files, readFile: (path) => readFileSync(path, "utf8"), exists: existsSync, into: join(SAMPLES, "more") });
  expect(found.stack).toMatchObject({ stack: { name: "compose", workdir: ".." } });
});

describe("what is no compose file is refused by place", () => {
  const refused: readonly [what: string, source: string, ...found: string[]][] = [
    ["no mapping", "just text", "1:1 : expected a mapping with services"],
    ["nothing", "", "1:1 : expected a mapping with services"],
    ["no YAML", "services: [", "1:12 : Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["no services", "volumes: {}", "1:1 : there are no services [expected services: with one at least]"],
    ["compose 1", "web:\n  image: x", "1:1 : there are no services [the format of compose 1: indent everything below services:]"],
    ["a service that is none", "services: { a: text }", "1:16 services.a: expected a mapping that describes a"],
    ["nothing to run", "services: { a: { command: x } }", "1:16 services.a: service a has neither image nor build"],
    [
      "a dependency that is not there",
      "services: { a: { image: i, depends_on: [b] } }",
      "1:41 services.a.depends_on[0]: a depends on b, which is no service of this file",
    ],
    [
      "a cycle",
      "services: { a: { image: i, depends_on: [b] }, b: { image: i, depends_on: [a] } }",
      "1:40 services.a.depends_on: dependency cycle: a → b → a",
    ],
    [
      "a port that is none",
      "services: { a: { image: i, ports: ['80:eighty'] } }",
      '1:36 services.a.ports[0]: "80:eighty" is no port [such as "8080:80", "127.0.0.1:8080:80/udp" or "8000-8003:80-83"]',
    ],
    [
      "a volume that is not declared",
      "services: { a: { image: i, volumes: ['data:/d'] } }",
      "1:38 services.a.volumes[0]: a refers to volume data, which is not declared under volumes [declare it: volumes: { data: {} }, or write ./data for a folder]",
    ],
    [
      "a restart that is none",
      "services: { a: { image: i, restart: often } }",
      '1:37 services.a.restart: expected no, always, on-failure, on-failure:N or unless-stopped, not "often"',
    ],
    [
      "a duration that is none",
      "services: { a: { image: i, stop_grace_period: 10 } }",
      '1:47 services.a.stop_grace_period: expected a duration such as "30s", not "10"',
    ],
    [
      "extends itself",
      "services: { a: { extends: b }, b: { extends: a, image: i } }",
      "1:27 services.b.extends: extends itself: b → a → b",
      "1:46 services.a.extends: extends itself: a → b → a",
    ],
    ["extends nothing", "services: { a: { image: i, extends: c } }", "1:37 services.a.extends: this file has no service c to extend"],
    [
      "includes what is not there",
      "include: [gone.yml]\nservices: { a: { image: i } }",
      "1:11 include[0]: cannot read /app/gone.yml: no such file",
    ],
    [
      "includes itself",
      "include: [compose.yml]\nservices: { a: { image: i } }",
      "1:11 include[0]: include cycle: /app/compose.yml → /app/compose.yml",
    ],
    [
      "a secret that is not declared",
      "services: { a: { image: i, secrets: [s] } }",
      '1:38 services.a.secrets[0]: "s" is not declared under secrets',
    ],
  ];
  test.each(refused)("%s", (_, source, ...found) => {
    expect(problemsOf(source)).toEqual(found);
    expect(importText(source).yaml).toBeUndefined();
  });
});
