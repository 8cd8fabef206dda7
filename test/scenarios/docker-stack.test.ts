import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { tellsOfMemory } from "../docker/engine.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { killContainer, removeContainer } from "../../src/supervise/docker/containers.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

/** An http server that answers with its text. */
const httpd = (text: string): string =>
  `["sh", "-c", "mkdir -p /tmp/w; echo ${text} > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w"]`;

describe.skipIf(!found)("a stack with containers", () => {
  test("comes up, is told apart, reached by host port, found by name, and goes with all it had", async () => {
    const port = freePort();
    const stack = rig.stack(`
      services:
        api:
          image: ${docker.image}
          command: ${httpd("hello")}
          init: true
          ports: ["${port}:8080"]
          health: { http: { url: "http://localhost:${port}/" }, interval: 200ms, timeout: 5s, gracePeriod: 30s }
          replicas: 2
        asks:
          image: ${docker.image}
          command: ["sh", "-c", "wget -q -O - http://api:8080/ && env | grep -c ORCO_ && echo port=$$PORT"]
          restartPolicy: { condition: never }
          dependsOn: [api]
        web: { command: "echo from a process; exec sleep 1000", dependsOn: [api] }
    `);
    await stack.up();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("hello\n");
    expect(await stack.lines("asks")).toEqual(["hello", "4", "port="]);
    const containers = await docker.containers(stack.name);
    const { services } = await stack.view();
    const [api] = services;
    expect(api).toMatchObject({ state: "Running", ready: true, replicas: { ready: 2, live: 2, desired: 2 } });
    for (const { container = "", address = "", replica, id } of api?.instances ?? []) {
      const row = containers.find(({ Id }) => Id === container);
      expect(row?.Names[0]).toMatch(new RegExp(`^/${stack.name}-api-${replica}-[0-9a-f]{6}$`));
      expect(row?.Labels).toMatchObject({
        "orco.stack": stack.name,
        "orco.service": "api",
        "orco.replica": `${replica}`,
        "orco.instance": id,
      });
      expect(await (await fetch(`http://${address}/`)).text()).toBe("hello\n");
    }
    expect((await docker.networks(stack.name)).map(({ Name }) => Name)).toEqual([`${stack.name}_default`]);
    await stack.ok("down");
    expect(await docker.containers(stack.name)).toEqual([]);
    expect(await docker.networks(stack.name)).toEqual([]);
  });

  test("volumes outlive restarts and down, and go with down --volumes", async () => {
    const stack = rig.stack(`
      services:
        db:
          image: ${docker.image}
          command: ["sh", "-c", "date +%N >> /data/starts; cat /data/starts | wc -l; sync; ls /etc/own; exec sleep 1000"]
          volumes: ["data:/data", "/scratch", "./own:/etc/own:ro"]
          stop: { signal: SIGKILL }
    `);
    stack.write("own/mine", "");
    await stack.up();
    await stack.ok("restart", "db");
    await until("the lines of both", async () => (await stack.lines("db")).join() === "1,mine,2,mine");
    await stack.ok("down");
    expect((await docker.volumes(stack.name)).map(({ Name }) => Name).toSorted()).toEqual([
      `${stack.name}_data`,
      expect.stringMatching(new RegExp(`^${stack.name}_db-0-[0-9a-f]{8}$`)),
    ]);
    await stack.up();
    await until("a third start", async () => (await stack.lines("db")).includes("3"));
    await stack.ok("down", "--volumes");
    expect(await docker.volumes(stack.name)).toEqual([]);
  });

  test("a daemon that dies leaves containers running; the next one adopts them, with their ages, counters and logs", async () => {
    const stack = rig.stack(`
      services:
        talk:
          image: ${docker.image}
          command: ["sh", "-c", "i=0; while :; do i=$$((i+1)); echo line $$i; sleep 0.05; done"]
          stop: { signal: SIGKILL }
        once: { image: ${docker.image}, command: [sh, -c, "sleep 1; exit 7"], restartPolicy: { condition: never } }
    `);
    await stack.ok("up", "-d");
    const before = await stack.whenService("talk", "to run", ({ ready, instances }) => ready && instances[0]);
    await rig.killDaemon();
    await rig.serve();
    const after = await stack.whenService("talk", "to be adopted", ({ instances }) => instances[0]);
    expect([after.id, after.container, after.restarts]).toEqual([before.id, before.container, 0]);
    const once = await stack.whenService("once", "to have ended", ({ state, instances }) => state === "Failed" && instances[0]);
    expect(once.exit).toMatchObject({ code: 7, reason: "exited" });
    const lines = (await stack.lines("talk")).filter((line) => line.startsWith("line"));
    expect(lines).toEqual(lines.map((_, n) => `line ${n + 1}`));
    await stack.ok("down");
  });

  test("what somebody else removes or kills is started again, with the reason; memory beyond the limit is told", async () => {
    const stack = rig.stack(`
      services:
        one: { image: ${docker.image}, command: [sleep, "1000"], restartPolicy: { condition: never, backoff: { min: 10ms } }, stop: { signal: SIGKILL } }
        two: { image: ${docker.image}, command: [sleep, "1000"], restartPolicy: { backoff: { min: 10ms } }, stop: { signal: SIGKILL } }
        hog:
          image: ${docker.image}
          command: [sh, -c, "tail /dev/zero"]
          resources: { memory: 16Mi }
          restartPolicy: { condition: never }
    `);
    await stack.ok("up", "-d");
    const { container: first = "" } = await stack.whenService("one", "to run", ({ ready, instances }) => ready && instances[0]);
    const { container: second = "" } = await stack.whenService("two", "to run", ({ ready, instances }) => ready && instances[0]);
    await removeContainer(docker.engine, first);
    await killContainer(docker.engine, second, { sig: "KILL" });
    await stack.whenService("one", "to be back", ({ ready, instances }) => ready && instances[0]?.container !== first);
    await stack.whenService("two", "to be back", ({ ready, instances }) => ready && instances[0]?.container !== second);
    expect((await stack.history()).filter(({ reason }) => reason === "removed").map(({ service }) => service)).toContain("one");
    const hog = await stack.whenService("hog", "to have ended", ({ state, instances }) => state === "Failed" && instances[0]);
    const told = (await tellsOfMemory(docker.engine)) ? { reason: "oom_killed" } : {};
    expect(hog).toMatchObject({ ...told, exit: { code: 137, signal: "SIGKILL", ...told } });
    await stack.ok("down");
  });

  test("a foreign network under our name is never touched: exit 5, and its name", async () => {
    const stack = rig.stack(`services: { one: { image: ${docker.image}, command: [sleep, "1000"] } }`);
    const name = `${stack.name}_default`;
    await docker.engine.call("POST", "/networks/create", { body: { Name: name, Labels: { theirs: "1" } } });
    try {
      const said = await stack.orco("up", "-d", "--wait");
      expect(said).toMatchObject({ code: 5, err: expect.stringContaining(name) });
      expect(await docker.containers(stack.name)).toEqual([]);
    } finally {
      await docker.engine.call("DELETE", `/networks/${name}`);
      await stack.orco("down");
    }
  });

  test("an image that is not there, a command that is not in it, a port that is taken", async () => {
    const stack = rig.stack(`
      services:
        none: { image: "no-such-image:1", pull: never }
        typo: { image: ${docker.image}, command: [no-such-program] }
    `);
    expect((await stack.orco("up", "-d", "--wait")).code).toBe(1);
    expect(await stack.whenService("none", "to have failed", ({ state, message }) => state === "Failed" && message)).toContain(
      "no-such-image:1",
    );
    expect(await stack.whenService("typo", "to have failed", ({ state, message }) => state === "Failed" && message)).toContain(
      "no-such-program",
    );
    await stack.ok("down");
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const other = rig.stack(`services: { one: { image: ${docker.image}, command: [sleep, "1"], ports: ["${taken.port}:80"] } }`);
    expect((await other.orco("up", "-d", "--wait")).err).toContain(`port ${taken.port} is held by pid ${process.pid}`);
    taken.stop(true);
    await other.orco("down");
  });

  test("secrets: variables, and files of the container's user that only it can read", async () => {
    const stack = rig.stack(`
      services:
        one:
          image: ${docker.image}
          user: "65534"
          command: ["sh", "-c", "stat -c '%a %u' /run/secrets/TOKEN; wc -c < /run/secrets/TOKEN; echo $$KEY; echo $$ORCO_SECRETS_DIR"]
          secrets: { TOKEN: { file: ./token, as: file }, KEY: { file: ./key } }
          restartPolicy: { condition: never }
    `);
    stack.write("token", "hunter22");
    stack.write("key", "correcthorse");
    await stack.up();
    expect(await stack.lines("one")).toEqual(["400 65534", "8", "[redacted]", "/run/secrets"]);
    await stack.ok("down");
    expect(readFileSync(`${rig.home}/daemon.log`, "utf8")).not.toContain("hunter22");
  });

  test("hooks, command probes and stop.command run inside the container", async () => {
    const stack = rig.stack(`
      services:
        one:
          image: ${docker.image}
          command: ["sh", "-c", "trap 'echo told; exit 0' USR1; touch /tmp/up; while :; do sleep 0.05; done"]
          volumes: ["data:/data"]
          hooks: { preStart: "echo pre > /data/pre", postStart: "cat /data/pre > /proc/1/fd/1" }
          health: { command: "test -f /tmp/up", interval: 200ms, timeout: 10s, gracePeriod: 30s }
          stop: { command: "kill -USR1 1" }
    `);
    await stack.up();
    await stack.ok("stop", "one");
    expect(await stack.lines("one")).toEqual(["pre", "told"]);
    await stack.ok("down", "--volumes");
  });
});
