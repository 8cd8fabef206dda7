import { expect, test } from "bun:test";
import { hasLaunchMark, launchText } from "./launch.ts";
import { brief, loadText, oneService, problems, withServices } from "./load-text.ts";

test("built-in defaults", () => {
  expect(oneService("command: [x]")).toEqual({
    name: "a",
    runtime: "process",
    command: ["x"],
    workdir: "/app",
    env: {},
    secrets: {},
    ports: [],
    volumes: [],
    dependsOn: [],
    replicas: 1,
    restartPolicy: { condition: "always", maxRetries: 5, resetAfterMs: 60_000, backoff: { minMs: 1000, maxMs: 30_000, factor: 2 } },
    update: {
      strategy: "rolling",
      maxUnavailable: 0,
      maxSurge: 1,
      abortAfterFailures: 1,
      observationWindowMs: 0,
      drainTimeoutMs: 10_000,
      autoRollback: true,
    },
    stop: { signal: "SIGTERM", timeoutMs: 10_000 },
    hooks: {},
    logging: { maxFileSizeBytes: 16 * 2 ** 20, maxFiles: 4, format: "auto" },
    labels: {},
    profiles: [],
    disabled: false,
  });
});

test("every field of a process service", () => {
  const service = oneService(
    `runtime: process
command: echo hi | cat
workdir: sub
user: 1000
env: { A: 1.10, B: true, C: "" }
secrets: { KEY: { env: MY_KEY }, CERT: { file: ./cert.pem, as: file, path: /run/cert } }
health:
  gracePeriod: 1s
  interval: 100ms
  timeout: 50ms
  failureThreshold: 2
  successThreshold: 3
  http: { url: http://localhost:8080/x, expectStatus: [204, "200-299"], method: head, headers: { X: y }, bodyPattern: "o+k" }
  tcp: { address: "[::1]:80" }
  cmd: { command: ./check, timeout: 2s }
  log: { pattern: ready, sources: [stderr], levels: [info] }
  expression: (http && tcp) || !cmd || log
  onUnready: none
replicas: 3
restartPolicy: { condition: on-failure, maxRetries: -1, resetAfter: 5s, backoff: { min: 100ms, max: 2s, factor: 1.5 } }
update: { strategy: rolling, maxUnavailable: 34%, maxSurge: 34%, abortAfterFailures: 2, observationWindow: 3s, drainTimeout: 1s, autoRollback: false }
stop: { signal: int, timeout: 3s, command: [./stop] }
resources: { cpu: 500m, memory: 512Mi, pids: 100 }
hooks: { preStart: { command: ./migrate, timeout: 5s }, postStop: [./clean, all], preStop: { command: [./bye] } }
logging: { maxFileSize: 1Mi, maxFiles: 2, maxAge: 1d, format: json }
labels: { com.example.team: core }
description: the a`,
  );
  expect(service).toMatchObject({
    command: ["/bin/sh", "-c", "echo hi | cat"],
    workdir: "/app/sub",
    user: "1000",
    env: { A: "1.10", B: "true", C: "" },
    secrets: { KEY: { from: { env: "MY_KEY" }, as: "env" }, CERT: { from: { file: "/app/cert.pem" }, as: "file", path: "/run/cert" } },
    health: {
      intervalMs: 100,
      http: {
        method: "HEAD",
        expectStatus: [
          { from: 204, to: 204 },
          { from: 200, to: 299 },
        ],
      },
      tcp: { address: "[::1]:80" },
      command: { command: ["/bin/sh", "-c", "./check"], timeoutMs: 2000 },
      log: { sources: ["stderr"], levels: ["info"] },
      onUnready: "none",
    },
    restartPolicy: { condition: "on-failure", maxRetries: -1, backoff: { minMs: 100, maxMs: 2000, factor: 1.5 } },
    update: { maxUnavailable: 1, maxSurge: 2, autoRollback: false },
    stop: { signal: "SIGINT", timeoutMs: 3000, command: ["./stop"] },
    limits: { cpu: 0.5, memory: 512 * 2 ** 20, pids: 100 },
    hooks: {
      preStart: { command: ["/bin/sh", "-c", "./migrate"], timeoutMs: 5000 },
      postStop: { command: ["./clean", "all"], timeoutMs: 30_000 },
    },
    logging: { maxFileSizeBytes: 2 ** 20, maxFiles: 2, maxAgeMs: 86_400_000, format: "json" },
  });
});

test("defaults are merged below each service; what is wrong in them is told once, there", () => {
  const source =
    "version: 0.1\nstack: {name: x}\ndefaults:\n  env: {A: one, B: two}\n  health: {interval: 5s, tcp: {address: 'db.local:1'}}\n  restartPolicy: {maxRetrys: 1}\n";
  const services = "services:\n  a: {command: [x], env: {B: own}, health: {timeout: 2s}}\n  b: {command: [x]}\n";
  expect(loadText(source + services).diagnostics.map(brief)).toEqual([
    '6:19 defaults.restartPolicy.maxRetrys: unknown key "maxRetrys" in restartPolicy [did you mean "maxRetries"?]',
  ]);
  const { spec } = loadText(source.replace("maxRetrys", "maxRetries") + services);
  expect(spec?.services["a"]).toMatchObject({
    env: { A: "one", B: "own" },
    health: { intervalMs: 5000, timeoutMs: 2000 },
    restartPolicy: { maxRetries: 1 },
  });
});

test("defaults of health without a probe make no probe", () => {
  expect(
    loadText("version: 0.1\nstack: {name: x}\ndefaults: {health: {interval: 1s}}\nservices: {a: {command: [x]}}").spec?.services["a"]
      ?.health,
  ).toBeUndefined();
});

test("variables: numbers stay numbers, values bring no YAML, quotes and block texts too", () => {
  const env = { N: "3", EVIL: "x\n  replicas: 9", ON: "true" };
  const service = oneService(
    'command: ["$EVIL"]\nreplicas: ${N}\ndisabled: ${OFF:-false}\nupdate: {autoRollback: $ON, maxSurge: "${N}"}\nenv:\n  T: |\n    a ${N}\n    $$N',
    { env },
  );
  expect(service).toMatchObject({ command: [env.EVIL], replicas: 3, env: { T: "a 3\n$N\n" }, update: { maxSurge: 3 } });
});

test("an unset variable is named where it stands", () => {
  const [first] = loadText(withServices('a:\n  command: ["./a", "--x=${APP_PRT}"]'), { env: { APP_PORT: "1" } }).diagnostics;
  expect(first).toMatchObject({
    line: 5,
    column: 27,
    path: "services.a.command[1]",
    message: "variable APP_PRT is not set",
    source: '    command: ["./a", "--x=${APP_PRT}"]',
  });
  expect(first?.hint).toStartWith('did you mean "APP_PORT"?');
});

test("what every shell sets is meant by a variable only where it is a letter away", () => {
  const hint = (name: string, env: Record<string, string>): string | undefined =>
    loadText(withServices(`a: {command: ["\${${name}}"]}`), { env }).diagnostics[0]?.hint;
  const shell = { PWD: "/", OLDPWD: "/", SHLVL: "1", HOME: "/root", PATH: "/bin", _: "x" };
  for (const name of ["PASS", "PASSWD", "DB_PWD", "PID", "HOST", "NAME", "A"])
    expect(hint(name, shell)).toStartWith("set it, give a default");
  expect(hint("HOEM", shell)).toStartWith('did you mean "HOME"?');
  expect(hint("PASS", { ...shell, PASSW: "x" })).toStartWith('did you mean "PASSW"?');
});

test(".env beside the file is read; the caller's environment wins", () => {
  const files = { "/app/.env": "A=file\nB='file # b'\n" };
  expect(oneService("command: [$A, $B]", { files, env: { A: "caller" } }).command).toEqual(["caller", "file # b"]);
  expect(loadText(withServices("a: {command: [x]}"), { files: { "/app/.env": "no" } }).diagnostics).toMatchObject([
    { file: "/app/.env", line: 1, message: "expected NAME=value" },
  ]);
});

test("env files: later over earlier, env over both, nothing interpolated, missing ones named", () => {
  const files = { "/app/one.env": "A=1\nB=1\nC=$A\n", "/app/two.env": "B=2\nD=2\n" };
  expect(oneService("command: [x]\nenvFromFile: [one.env, ./two.env]\nenv: {D: own}", { files }).env).toEqual({
    A: "1",
    B: "2",
    C: "$A",
    D: "own",
  });
  const missing = "command: [x]\nenvFromFile: [one.env, three.env]";
  expect(problems(missing, { files })).toEqual(["6:28 services.a.envFromFile[1]: cannot read /app/three.env: no such file"]);
  expect(loadText(withServices("a: {command: [x], envFromFile: three.env}"), { checkFiles: false })).toMatchObject({
    spec: {},
    diagnostics: [{ severity: "warning" }],
  });
});

test("launch variables are kept, and cannot be confused with what a person escaped", () => {
  const service = oneService(
    'command: ["./a", "--port=${PORT}", "$${PORT}", "$ORCO_REPLICA-${PORT:-1}"]\nports: ["80"]\nenv: {ADDR: ":$PORT"}',
    { env: { PORT: "9" } },
  );
  const filled = service.command.map((word) => launchText(word, { PORT: "81", ORCO_REPLICA: "2" }));
  expect(filled).toEqual(["./a", "--port=81", "${PORT}", "2-81"]);
  expect(launchText(service.env["ADDR"] ?? "", { PORT: "81" })).toBe(":81");
});

test("PORT is an ordinary variable in a service without ports, or one that sets it itself", () => {
  expect(oneService("command: [$PORT]", { env: { PORT: "9" } }).command).toEqual(["9"]);
  const own = oneService('command: [$PORT]\nports: ["80"]\nenv: {PORT: "${PORT:-7}"}', { env: { PORT: "9" } });
  expect([own.command, own.env]).toEqual([["9"], { PORT: "9" }]);
});

test("a launch variable where it comes too late is refused", () => {
  expect(problems("command: [x]\nworkdir: d/${ORCO_REPLICA}")).toEqual([
    "6:14 services.a.workdir: d/${ORCO_REPLICA} is known only when an instance starts, too late for this field",
  ]);
  expect(hasLaunchMark(JSON.stringify(problems("command: [x]\nreplicas: $ORCO_REPLICA")))).toBe(false);
});

test("profiles and disabled leave services out, and their env files unread", () => {
  const source = withServices(
    "a: {command: [x]}\nb: {command: [x], profiles: [dev], envFromFile: none.env}\nc: {command: [x], disabled: true}",
  );
  expect(Object.keys(loadText(source).spec?.services ?? {})).toEqual(["a"]);
  expect(loadText(source, { profiles: ["dev"], checkFiles: false }).spec?.services).toHaveProperty("b");
});

test("keys of compose say what they are here", () => {
  expect(problems("command: [x]\nrestart: always\nenvironment: {A: b}\nhealth: {restart: x}")).toEqual([
    `6:5 services.a.restart: unknown key "restart" in a [compose's restart is restartPolicy here]`,
    `7:5 services.a.environment: unknown key "environment" in a [compose's environment is env here]`,
    expect.stringContaining("[known here: gracePeriod, "),
  ]);
});

test("all errors are reported, in the order of the file", () => {
  const found = problems(
    "comand: [x]\nreplica: 2\nhealth: {intervall: 1s, timeout: 5}\nenv: {A: null, ORCO_STACK: x}\nstop: {signal: SIGTREM}\nupdate: {strategy: rollin}",
  );
  expect(found).toEqual([
    '5:5 services.a.comand: unknown key "comand" in a [did you mean "command"?]',
    "5:5 services.a: a service needs an image, a build or a command",
    '6:5 services.a.replica: unknown key "replica" in a [did you mean "replicas"?]',
    '7:14 services.a.health.intervall: unknown key "intervall" in health [did you mean "interval"?]',
    '7:38 services.a.health.timeout: expected a duration above zero such as "500ms", "30s" or "1m30s", got the number "5"',
    '8:14 services.a.env.A: expected a value (write "" for an empty one), got nothing',
    "8:20 services.a.env.ORCO_STACK: ORCO_STACK is set by orco",
    '9:20 services.a.stop.signal: SIGTREM is no signal [did you mean "SIGTERM"?]',
    '10:24 services.a.update.strategy: expected one of rolling, canary, blueGreen, recreate, got the text "rollin" [did you mean "rolling"?]',
  ]);
});

test("the head of the file is checked", () => {
  expect(loadText("version: 0.3\nstack: {name: Bad_Name}\nservices: {Web: {command: [x]}}").diagnostics.map(brief)).toEqual([
    "1:10 version: version 0.3 is not known to this orco; it reads version 0.1",
    expect.stringContaining("2:15 stack.name: expected a name"),
    expect.stringContaining('3:12 services.Web: "Web" cannot be the name of a service'),
  ]);
  expect(loadText("services: {}").diagnostics.map(({ message }) => message)).toEqual(["the file has no version", "the file has no stack"]);
});

test.each([
  ["command: []", "expected a command, got an empty list"],
  ["runtime: process", "a process service needs a command"],
  ["runtime: docker\ncommand: [x]", "a docker service needs an image or a build"],
  ["runtime: process\ncommand: [x]\nimage: y", "image belongs to docker services"],
  ["command: [x]\nvolumes: ['a:/b']", "volumes belongs to docker services"],
  ["command: [x]\nhealth: {http: {url: localhost:80}}", "expected a URL that starts with http"],
  ["command: [x]\nhealth: {tcp: {address: localhost}}", "expected host:port"],
  ["command: [x]\nhealth: {log: {pattern: 'a(b'}}", "invalid regular expression: missing closing )"],
  ["command: [x]\nhealth: {log: {pattern: '(?=x)'}}", "invalid regular expression"],
  ["command: [x]\nhealth: {cmd: x, command: y}", "cmd is another name of command"],
  ["command: [x]\nupdate: {maxSurge: 0}", "maxUnavailable and maxSurge are both 0"],
  ["command: [x]\nreplicas: 3\nupdate: {maxSurge: 0%, maxUnavailable: 25%}", "maxUnavailable and maxSurge are both 0"],
  ["command: [x]\nrestartPolicy: {backoff: {min: 5s, max: 1s}}", "backoff.min is longer"],
  ["command: [x]\nsecrets: {A: {file: a, env: b}}", "declare one of them"],
  ["command: [x]\nsecrets: {a.b: {file: a}}", "a.b cannot be the name of a variable that holds a secret"],
  ["command: [x]\nreplicas: '2'", "expected a whole number from 0"],
])("%j is refused", (fields, message) => {
  expect(problems(fields)[0]).toContain(message);
});
