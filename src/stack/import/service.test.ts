import { describe, expect, test } from "bun:test";
import { importOne, importText, said } from "./sample.fake.ts";

const NEVER = { restartPolicy: { condition: "never" } };

/** Fields of a service in compose → the same in orco; the image and the default of restart are in each. */
const SAME: readonly [what: string, compose: string, orco: Record<string, unknown>, rest?: string][] = [
  ["no restart is never", "", {}],
  ["restart no", 'restart: "no"', {}],
  ["restart no without quotes", "restart: no", {}],
  ["restart always", "restart: always", { restartPolicy: { condition: "always", maxRetries: -1 } }],
  ["restart unless-stopped", "restart: unless-stopped", { restartPolicy: { condition: "always", maxRetries: -1 } }],
  ["restart on-failure", "restart: on-failure", { restartPolicy: { condition: "on-failure", maxRetries: -1 } }],
  ["restart on-failure, n times", "restart: on-failure:7", { restartPolicy: { condition: "on-failure", maxRetries: 7 } }],
  ["deploy: restart none", "deploy: { restart_policy: { condition: none } }", {}],
  [
    "deploy: restart any",
    "deploy: { restart_policy: { delay: 0s } }",
    { restartPolicy: { condition: "always", maxRetries: -1, backoff: { min: "0s" } } },
  ],
  ["a command as a text", "command: run 'a b' $$HOME", { command: "run 'a b' $$HOME" }],
  ["a command as words", "command: [run, 8080, true]", { command: ["run", "8080", "true"] }],
  ["env as a list", "environment: [A=1, B=, C=x=y]", { env: { A: "1", B: "", C: "x=y" } }],
  ["env as a mapping", "environment: { A: 1, B: '', C: true }", { env: { A: "1", B: "", C: "true" } }],
  ["env passed on", "environment: { A: }", { env: { A: "${A}" } }],
  ["env passed on, as a list", "environment: [A]", { env: { A: "${A}" } }],
  ["an env file that is there", "env_file: there", { envFromFile: ["there"] }],
  [
    "env files",
    "env_file: [a.there, { path: b.there, required: false }, { path: gone, required: false }]",
    { envFromFile: ["a.there", "b.there"] },
  ],
  ["labels", "labels: [a=b, c]", { labels: { a: "b", c: "" } }],
  ["a health check for the shell", "healthcheck: { test: curl x }", { health: health(["/bin/sh", "-c", "curl x"]) }],
  ["a health check CMD-SHELL", "healthcheck: { test: [CMD-SHELL, curl x] }", { health: health(["/bin/sh", "-c", "curl x"]) }],
  ["a health check CMD", "healthcheck: { test: [CMD, curl, x] }", { health: health(["curl", "x"]) }],
  [
    "periods of a health check",
    "healthcheck: { test: x, interval: 5s, timeout: 2s, retries: 9, start_period: 1m }",
    { health: { ...health(["/bin/sh", "-c", "x"]), interval: "5s", timeout: "2s", failureThreshold: 9, gracePeriod: "1m" } },
  ],
  ["a health check that is off", "healthcheck: { disable: true, test: x }", {}],
  ["a health check NONE", "healthcheck: { test: [NONE] }", {}],
  ["what must not be the engine's", "runtime: nvidia", {}],
  ["stop", "stop_signal: SIGINT\nstop_grace_period: 1m30s", { stop: { signal: "SIGINT", timeout: "1m30s" } }],
  ["a duration of another unit", "stop_grace_period: 1w", { stop: { timeout: "604800000ms" } }],
  ["limits", "mem_limit: 64m\ncpus: '0.5'\npids_limit: 10", { resources: { memory: "64m", cpu: "0.5", pids: 10 } }],
  ["no limits", "mem_limit: 0\npids_limit: -1", {}],
  [
    "limits of deploy",
    "deploy: { resources: { limits: { cpus: 2, memory: 1G, pids: 5 } } }",
    { resources: { cpu: "2", memory: "1G", pids: 5 } },
  ],
  ["replicas", "deploy: { replicas: 3 }", { replicas: 3 }],
  ["scale", "scale: 0", { replicas: 0 }],
  [
    "an update, stopping first",
    "deploy: { update_config: { parallelism: 2, failure_action: pause } }",
    { update: { strategy: "rolling", maxUnavailable: 2, maxSurge: 0, autoRollback: false } },
  ],
  [
    "an update of all at once",
    "deploy: { update_config: { parallelism: 0, order: start-first, monitor: 30s } }",
    { update: { strategy: "rolling", maxSurge: "100%", maxUnavailable: 0, observationWindow: "30s" } },
  ],
  ["build as a text", "build: ./dir", { build: "./dir" }],
  ["build from elsewhere", "build: { context: https://example.com/a.git }", { build: { context: "./a" } }],
  ["a Dockerfile in the file", "build: { context: ., dockerfile_inline: FROM x }", { build: { context: ".", dockerfile: "Dockerfile.a" } }],
  ["pull", "pull_policy: if_not_present", { pull: "missing" }],
  ["a tmpfs", "tmpfs: /run:size=1m", { volumes: [{ type: "tmpfs", target: "/run", size: "1m" }] }],
  [
    "a volume of another name",
    "volumes: ['data:/d:ro']",
    { volumes: [{ type: "volume", source: "real", target: "/d", readOnly: true, external: true }] },
    "volumes: { data: { external: true, name: real } }",
  ],
  [
    "a volume named by a variable",
    "volumes: ['${DATA:-./data}:/d', '${DIR}/x:/x:Z']",
    { volumes: ["${DATA:-./data}:/d", "${DIR}/x:/x:Z"] },
  ],
  ["a port of any number", "ports: ['0:80']", { ports: ["80"] }],
  ["an empty user", "user: ''", {}],
  [
    "an update of a UDP port",
    "ports: ['53:53/udp']\ndeploy: { update_config: { order: start-first } }",
    { ports: ["53:53/udp"], update: { strategy: "recreate" } },
  ],
  ["a config", "configs: [{ source: c, target: /etc/c }]", { volumes: ["./c.there:/etc/c:ro"] }, "configs: { c: { file: ./c.there } }"],
  ["a secret from a file", "secrets: [s]", { secrets: { s: { file: "./s", as: "file" } } }, "secrets: { s: { file: ./s } }"],
  [
    "a secret at another place",
    "secrets: [{ source: s, target: /etc/key }]",
    { secrets: { s: { env: "S", as: "file", path: "/etc/key" } } },
    "secrets: { s: { environment: S } }",
  ],
  [
    "PORT is orco's own",
    "ports: ['${PORT:-80}:80']\ncommand: [serve, $PORT, $$PORT]",
    { ports: ["${COMPOSE_PORT:-80}:80"], command: ["serve", "$COMPOSE_PORT", "$$PORT"] },
  ],
  [
    "PORT that the service sets itself",
    "ports: ['${PORT:-80}:80']\nenvironment: { PORT: 80 }",
    { ports: ["${PORT:-80}:80"], env: { PORT: "80" } },
  ],
  ["an address that may be empty", "ports: ['${IP:-}:80:80']", { ports: ["${IP:-127.0.0.1}:80:80"] }],
];

function health(command: string[]): Record<string, unknown> {
  return { command, interval: "30s", timeout: "30s", onUnready: "none" };
}

for (const [what, compose, orco, rest] of SAME)
  test(what, () => {
    expect(importOne(compose, rest)).toEqual({ image: "i", ...NEVER, ...orco });
  });

describe("is told", () => {
  test.each<[path: string, fields: string, said: string]>([
    [
      "ports[0]",
      "ports: ['8080:80']",
      'changed services.a.ports[0]: on 127.0.0.1 only; on every address, as compose publishes it (0.0.0.0): "0.0.0.0:8080:80"',
    ],
    ["ports[0]", "ports: ['127.0.0.1:8080:80']", "carried services.a.ports[0]: means the same"],
    ["ports[0]", "ports: ['80:80/sctp']", "dropped -: orco publishes tcp and udp, not sctp"],
    ["ports[0]", "ports: ['10000-10999:10000-10999']", "dropped -: a service has at most 256 ports (MAX_PORTS_PER_SERVICE): publish fewer"],
    [
      "logging.options.max-size",
      "logging: { options: { max-size: '-1' } }",
      "dropped -: orco's logs are always bounded: 4 files of 16Mi where nothing is said",
    ],
    ["runtime", "runtime: nvidia", "dropped -: the engine's default runtime is used (orco's own runtime: says docker or process)"],
    [
      "container_name",
      "container_name: x",
      "dropped -: orco names containers <stack>-<service>-<replica>-<6 hex>, and others reach them by the name of the service",
    ],
    ["environment.ORCO_STACK", "environment: { ORCO_STACK: x }", "dropped -: ORCO_STACK is set by orco"],
    ["environment[0]", "environment: [A=1, A=2]", "dropped -: A is set again below"],
    [
      "healthcheck.interval",
      "healthcheck: { interval: 1s }",
      "dropped -: orco does not read the HEALTHCHECK of an image: write what it runs as health.command",
    ],
    ["entrypoint", "entrypoint: ''", "dropped -: orco cannot take the image's own entrypoint away: name the whole entrypoint"],
    ["tty", "tty: false", "carried -: nothing is asked for"],
    ["cap_add", "cap_add: []", "carried -: nothing is asked for"],
    ["network_mode", "network_mode: 'service:b'", "dropped -: containers of orco share no network stack: they reach one another by name"],
    ["volumes[0]", "volumes: ['./gone:/x']", "carried services.a.volumes[0]: ./gone is not there: docker would make it, orco does not"],
    ["volumes[1]", "volumes: ['./there:/x', './other:/x']", "dropped -: /x is taken already, by ./there:/x"],
    ["depends_on", "depends_on: {}", "carried -: empty"],
  ])("%s of %s", (path, fields, line) => {
    expect(said(fields, path)).toEqual([line]);
  });
});

describe("services together", () => {
  const two = (a: string, b: string): ReturnType<typeof importText> =>
    importText(`services:\n  A_b: { image: i, ${a} }\n  c: { image: i, ${b} }\n`);

  test("names follow where services are referred to", () => {
    const found = two("", "depends_on: [A_b], links: ['A_b:x']");
    expect(found.stack?.["services"]).toMatchObject({ "a-b": {}, c: { dependsOn: [{ target: "a-b", require: "started" }] } });
  });

  test("two names that become one stay two", () => {
    const found = importText("services: { a_b: { image: i }, A_B: { image: i }, a-b: { image: i } }");
    expect(Object.keys(found.stack?.["services"] ?? {})).toEqual(["a-b-2", "a-b-3", "a-b"]);
  });

  test("hosts that lead nowhere now are worth a look, other words are not", () => {
    const found = two(
      "container_name: web",
      "environment: { URL: 'http://A_b:80/', HOST: web, MODE: web, PATHS: /web/x, DSN: 'x://u:p@web/db' }",
    );
    expect([...found.look]).toEqual(["services.c.environment.URL", "services.c.environment.HOST", "services.c.environment.DSN"]);
  });

  test("ready of one without a health check is worth a look", () => {
    const found = two("", "depends_on: { A_b: { condition: service_healthy } }");
    expect(found.report.find(({ path }) => path === "services.c.depends_on.A_b.condition")?.reason).toContain("declares no healthcheck");
  });

  test("what somebody waits to complete is not started again once it has", () => {
    const found = two("restart: always", "depends_on: { A_b: { condition: service_completed_successfully } }");
    expect(found.stack?.["services"]).toMatchObject({ "a-b": { restartPolicy: { condition: "on-failure", maxRetries: -1 } } });
  });

  test("a service that a provider makes is left out, and nothing waits for it", () => {
    const found = two("provider: { type: cloud }", "depends_on: [A_b]");
    expect(found.stack?.["services"]).toEqual({ c: { image: "i", ...NEVER } });
  });
});
