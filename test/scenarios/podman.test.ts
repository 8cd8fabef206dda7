import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { allPids, commandOf } from "../../src/supervise/proc.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Docker } from "./docker-rig.ts";
import { sharedRig } from "./rig.ts";

const UP = new URL("../docker/podman-up.sh", import.meta.url).pathname;
const installed = Bun.which("podman") !== null;
if (!installed) console.log("skipped: the scenario of podman, because podman is not installed (Debian: apt-get install podman)");

const folder = mkdtempSync(join(tmpdir(), "orco-podman-"));
const host = `unix://${folder}/sock`;
const rig = sharedRig({ DOCKER_HOST: host });
const podman = new Docker(new Engine(host), rig);

async function serve(): Promise<void> {
  const up = Bun.spawn([UP, folder], { stdout: "ignore", stderr: Bun.file(`${folder}/up.log`) });
  if ((await up.exited) !== 0) throw new Error(`podman cannot be started: ${readFileSync(`${folder}/up.log`, "utf8")}`);
}

async function endService(): Promise<void> {
  const pid = Number(readFileSync(`${folder}/pid`, "utf8"));
  process.kill(pid, "SIGKILL");
  await until("the end of podman's service", () => !isThere(pid));
  rmSync(`${folder}/sock`, { force: true });
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

if (installed) await serve();
afterAll(async () => {
  if (installed) {
    await podman.clean();
    await endService();
    await until("the end of its monitors", () => allPids().every((pid) => !commandOf(pid).includes(folder)), 15_000);
  }
  rmSync(folder, { recursive: true, force: true });
});

const httpd = (text: string): string =>
  `["sh", "-c", "mkdir -p /tmp/w; echo ${text} > /tmp/w/index.html; echo up; exec httpd -f -p 8080 -h /tmp/w"]`;

describe.skipIf(!installed)("a stack on podman", () => {
  test("comes up beside a process, is found by name and reached through the edge, is restarted, asked, updated and taken down", async () => {
    const port = freePort();
    const source = (text: string): string => `
      services:
        api:
          image: ${podman.image}
          command: ${httpd(text)}
          init: true
          ports: ["${port}:8080"]
          health: { http: { url: "http://localhost:${port}/" }, interval: 200ms, timeout: 5s, gracePeriod: 30s }
          replicas: 2
        db: { image: ${podman.image}, command: ["sh", "-c", "date +%N >> /data/starts; wc -l < /data/starts; exec sleep 1000"], volumes: ["data:/data"], stop: { signal: SIGKILL } }
        asks:
          image: ${podman.image}
          command: ["wget", "-q", "-O", "-", "http://api:8080/"]
          restartPolicy: { condition: never }
          dependsOn: [api]
        web: { command: "echo from a process; exec sleep 1000", dependsOn: [api] }
    `;
    const stack = rig.stack(source("hello"));
    await stack.up();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("hello\n");
    expect(await stack.lines("asks")).toEqual(["hello"]);
    expect(await stack.lines("web")).toEqual(["from a process"]);
    expect((await podman.containers(stack.name)).filter(({ State }) => State === "running")).toHaveLength(3);

    expect(await stack.orco("exec", "db", "--", "sh", "-c", "echo in here; exit 7")).toMatchObject({ code: 7, out: "in here\n" });
    expect(await stack.orco("exec", "db", "--", "no-such-program")).toMatchObject({
      code: 125,
      err: expect.stringContaining("no-such-program"),
    });
    await stack.ok("restart", "db");
    // What is behind in podman's log is copied a moment later.
    await until("the lines of both", async () => (await stack.lines("db")).join() === "1,2");

    stack.edit(source("bye"));
    await stack.ok("apply");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("bye\n");
    await stack.ok("down", "--volumes");
    expect([await podman.containers(stack.name), await podman.networks(stack.name), await podman.volumes(stack.name)]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test("its service may go and come: containers run on, and the ends of those that ended are learned", async () => {
    const stack = rig.stack(`
      services:
        stays: { image: ${podman.image}, command: [sleep, "1000"], stop: { signal: SIGKILL } }
        ends: { image: ${podman.image}, command: [sh, -c, "while [ ! -e /go/go ]; do sleep 0.05; done; echo last; exit 3"], volumes: ["./go:/go"], restartPolicy: { condition: never } }
    `);
    stack.write("go/not-yet", "");
    await stack.ok("up", "-d");
    const { container } = await stack.whenService("stays", "to run", ({ ready, instances }) => ready && instances[0]);
    await stack.whenService("ends", "to run", ({ ready, instances }) => ready && instances[0]);
    await endService();
    await stack.whenService("stays", "to be in doubt", ({ degraded }) => degraded?.startsWith("docker unreachable since"));
    stack.write("go/go", "");
    await serve();
    const ended = await stack.whenService("ends", "to have ended", ({ state, instances }) => state === "Failed" && instances[0]);
    expect(ended.exit).toMatchObject({ code: 3, reason: "exited" });
    expect(await stack.lines("ends")).toEqual(["last"]);
    const { restarts, instances } = await stack.whenService("stays", "to be known", (service) => service.degraded === undefined && service);
    expect([restarts, instances[0]?.container]).toEqual([0, container]);
    await stack.ok("down");
  });
});
