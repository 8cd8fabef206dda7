import { expect, test } from "bun:test";
import { brief, loadText, oneService, problems, withServices } from "./load-text.ts";

const files = { "/app/web/Dockerfile": "", "/app/web/Dockerfile.dev": "", "/app/src/a": "" };

function found(fields: string): string[] {
  return problems(fields, { files });
}

function strategyOf(fields: string): string {
  return oneService(fields, { files }).update.strategy;
}

test("every field of a docker service", () => {
  const service = oneService(
    `image: x:1
build: { context: ./web, dockerfile: Dockerfile.dev, args: { A: 1 }, target: run }
command: serve --name "a b" 'c d' e\\ f
entrypoint: ["/bin/tini", "--"]
workdir: /srv
user: "1000:1000"
secrets: { KEY: { env: K, as: file }, CERT: { file: ./cert, as: file, path: /etc/cert } }
hooks: { preStart: migrate --all, postStart: [a, b] }
health: { cmd: pg_isready -q }
stop: { command: "kill -INT 1" }
init: true
ulimits: { nofile: 1024, nproc: { soft: 1, hard: 2 } }`,
    { files },
  );
  expect(service).toMatchObject({
    runtime: "docker",
    command: ["serve", "--name", "a b", "c d", "e f"],
    workdir: "/app",
    user: "1000:1000",
    secrets: { KEY: { from: { env: "K" }, as: "file" }, CERT: { from: { file: "/app/cert" }, as: "file", path: "/etc/cert" } },
    hooks: { preStart: { command: ["/bin/sh", "-c", "migrate --all"] }, postStart: { command: ["a", "b"] } },
    health: { command: { command: ["/bin/sh", "-c", "pg_isready -q"] } },
    stop: { command: ["/bin/sh", "-c", "kill -INT 1"] },
    docker: {
      workdir: "/srv",
      entrypoint: ["/bin/tini", "--"],
      pull: "missing",
      init: true,
      build: { context: "/app/web", dockerfile: "Dockerfile.dev", args: { A: "1" }, target: "run" },
      ulimits: { nofile: { soft: 1024, hard: 1024 }, nproc: { soft: 1, hard: 2 } },
    },
  });
});

test("the runtime follows from what is declared", () => {
  const runtimeOf = (fields: string): string => oneService(fields, { files }).runtime;
  expect([runtimeOf("image: x"), runtimeOf("build: ./web"), runtimeOf("image: x\ncommand: y"), runtimeOf("command: y")]).toEqual([
    "docker",
    "docker",
    "docker",
    "process",
  ]);
});

test.each([
  [
    "image: x\nworkdir: srv",
    '6:14 services.a.workdir: workdir of a container is an absolute path inside it, not "srv" [the path it has in the container, for example "/app/srv"]',
  ],
  ["image: x\nlabels: {orco.run: x}", "orco.run is a label of orco's own"],
  ["build: ./none", "5:12 services.a.build: the build context /app/none does not exist [relative paths begin at stack.workdir, /app]"],
  ["build: ./web/Dockerfile", "the build context /app/web/Dockerfile is no folder"],
  ["build: {context: src}", "services.a.build.context: /app/src/Dockerfile does not exist"],
  ["build: {context: web, dockerfile: no}", "services.a.build.dockerfile: /app/web/no does not exist"],
  ["build: https://example.com/a.git", "only a folder of this machine can be built"],
  ["build: web\npull: always", "pull has no effect: the image is built here"],
  ["image: x\ncommand: echo 'a", "the quote ' is never closed"],
  [
    "image: x\ncommand: a && b",
    'no shell runs this text in the container: && is given to the program as it is [["/bin/sh", "-c", "…"] runs one]',
  ],
  [
    "image: x\nsecrets: {A: {env: A, as: file, path: cert}}",
    'path of a secret is an absolute path inside the container, not "cert" [the default is /run/secrets/A]',
  ],
  ["image: x\nsecrets: {A: {env: A, as: file, path: /c}, B: {env: A, as: file, path: /c}}", "secret A has this path already"],
  ["image: x\nhealth: {tcp: {address: 'localhost:5432'}}", "the probe asks port 5432 of this machine: a declares no such port"],
  ["image: x\nwatch: [{path: src, action: rebuild}]", "6:33 services.a.watch[0].action: rebuild needs a build"],
  ["image: x\nwatch: [{path: none, action: restart}]", "/app/none does not exist"],
  ["image: x\nrepair: auto", "6:13 services.a.repair: repair: auto needs build: only what an image is built from can be patched"],
  ["command: [x]\nrepair: propose", "services.a.repair: repair: propose needs build"],
  ["build: web\nrepair: yes", "expected one of off, propose, auto"],
  ["image: 5\npull: sometimes", "expected one of missing, always, never"],
])("%j is told", (fields, message) => {
  expect(found(fields).join("\n")).toContain(message);
});

test.each([
  "image: x\ncommand: sh -c 'a && b'",
  "build: web\nrepair: auto",
  "image: x\nrepair: off",
  "image: x\nuser: nobody\nsecrets: {A: {env: A, as: file}}",
  "image: x\nports: ['5432:5432']\nhealth: {tcp: {address: 'localhost:5432'}}",
])("%j is fine", (fields) => {
  expect(found(fields)).toEqual([]);
});

test("one replica with a port or data of its own is recreated by default", () => {
  expect(strategyOf("image: x\nports: ['80:80']")).toBe("recreate");
  expect(strategyOf("image: x\ncommand: [serve, '80']\nports: ['80:80']\nhealth: {http: {url: 'http://localhost:80/'}}")).toBe("rolling");
  expect(strategyOf("image: x\nports: ['80']")).toBe("rolling");
  for (const volume of ["d:/d", "/d"]) {
    expect(strategyOf(`image: x\nvolumes: ['${volume}']`)).toBe("recreate");
    expect(strategyOf(`image: x\nvolumes: ['${volume}']\nreplicas: 2`)).toBe("rolling");
    expect(strategyOf(`image: x\nvolumes: ['${volume}']\nports: [{host: 80, container: 80, protocol: http}]`)).toBe("rolling");
  }
  expect(strategyOf("image: x\nvolumes: ['d:/d:ro', '.:/src']")).toBe("rolling");
});

test("two databases on one volume are warned of", () => {
  const data = "image: x\nvolumes: ['d:/d']\nupdate: {strategy: rolling";
  const warning =
    "7:24 services.a.update.strategy: rolling runs two instances of a at once, both writing to volume d [databases do not survive that: use strategy: recreate, or maxSurge: 0 with maxUnavailable: 1]";
  expect(found(`${data}}`)).toEqual([warning]);
  expect(found(`${data}}\nports: ['80:80']`)).toEqual([warning]);
  expect(found(`${data}, maxSurge: 0, maxUnavailable: 1}`)).toEqual([]);
  const replicas = "image: x\nreplicas: 3\nvolumes: ";
  expect(found(`${replicas}['d:/d']`)).toEqual([
    "6:15 services.a.replicas: 3 replicas of a all write to volume d [databases do not survive that: keep one replica, mount it :ro, or give each a volume without a name]",
  ]);
  expect(found(`${replicas}['d:/d:ro', '/cache', '.:/src']`)).toEqual([]);
});

test("ports of containers", () => {
  const pair = (one: string, two: string): (string | undefined)[] =>
    loadText(withServices(`a: {image: x, ports: ["${one}"]}\nb: {image: x, ports: ["${two}"]}`)).diagnostics.map(brief);
  expect(pair("80:1", "192.168.1.5:80:1")).toEqual([]);
  expect(pair("80:1", "0.0.0.0:80:1")).toHaveLength(1);
  expect(pair("[::1]:80:1", "[0:0::1]:80:1")).toHaveLength(1);
  expect(pair("80-82:80-82", "81:1")).toHaveLength(1);
  expect(pair("53:53", "53:53/udp")).toEqual([]);
  const own = (list: string): string | undefined => found(`image: x\nports: ${list}`)[0];
  expect(own("['80:80', '81:80']")).toBeUndefined();
  expect(own("['53:53', '53:53/udp']")).toBeUndefined();
  expect(own("['80', '80']")).toContain("container port 80/tcp is declared twice");
  expect(own("['80:80', '80:81']")).toContain("host port 80/tcp is declared by this service (line 6) already");
  expect(own("['80:80', {host: 80, container: 81, protocol: http}]")).toContain("host port 80/tcp is declared by this service");
  expect(problems("command: [x]\nports: ['80:80', '81:80']")[0]).toContain("host ports 80 and 81 both lead to port 80");
});
