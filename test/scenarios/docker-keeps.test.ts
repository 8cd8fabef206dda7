import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { removeContainer } from "../../src/supervise/docker/containers.ts";
import { inspectImage } from "../../src/supervise/docker/images.ts";
import { registryHere } from "../docker/engine.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });
const MADE: string[] = [];

afterAll(async () => {
  for (const image of MADE)
    await docker.engine.call("DELETE", `/images/${encodeURIComponent(image)}`, { query: { force: true } }).catch(() => undefined);
});

async function containerOf(stack: StackUnderTest, service: string): Promise<string> {
  return (await stack.service(service)).instances[0]?.container ?? "";
}

describe.skipIf(!found)("what containers keep, and what they are made of", () => {
  test("a restart is a new container on the same volumes: named, relative, anonymous, of the image, external; ro and tmpfs are as they say", async () => {
    const image = `${docker.home}-with-volume:1`;
    const external = `${docker.home}-external`;
    MADE.push(image);
    await docker.engine.call("POST", "/volumes/create", { body: { Name: external } });
    try {
      const stack = rig.stack(`
        services:
          one:
            image: ${image}
            build: ./image
            init: true
            command: [sh, -c, "for at in /named /rel /anon /img /ext /mem; do date +%N >> $$at/starts; wc -l < $$at/starts; done; touch /ro/x 2>/dev/null || echo read-only; df -k /mem | tail -1 | awk '{print $$2}'; echo done; exec sleep 1000"]
            volumes:
              - named:/named
              - ./rel:/rel:rw,z
              - /anon
              - ./ro:/ro:ro
              - { source: ${external}, target: /ext, external: true }
              - { type: tmpfs, target: /mem, size: 1Mi }
      `);
      stack.write("image/Dockerfile", `FROM ${docker.image}\nVOLUME /img\n`);
      stack.write("ro/here", "");
      stack.write("rel/.keep", "");
      await stack.up();
      const first = await containerOf(stack, "one");
      await until("its lines", async () => (await stack.lines("one")).includes("done"));
      expect(await stack.lines("one")).toEqual(["1", "1", "1", "1", "1", "1", "read-only", "1024", "done"]);
      await stack.ok("restart", "one");
      const second = await containerOf(stack, "one");
      expect(second).not.toBe(first);
      await until("its lines", async () => (await stack.lines("one")).length === 18);
      expect((await stack.lines("one")).slice(9)).toEqual(["2", "2", "2", "2", "2", "1", "read-only", "1024", "done"]);
      expect(existsSync(`${stack.dir}/rel/starts`)).toBe(true);
      expect((await docker.inspect(second)).Mounts.find(({ Destination }) => Destination === "/ext")?.Name).toBe(external);
      await removeContainer(docker.engine, second);
      await stack.whenService("one", "to be back", ({ ready, instances }) => ready && instances[0]?.container !== second);
      await until("its lines", async () => (await stack.lines("one")).length === 27);
      expect((await stack.lines("one")).slice(18, 24)).toEqual(["3", "3", "3", "3", "3", "1"]);
      await stack.ok("down", "--volumes");
      expect(await docker.volumes(stack.name)).toEqual([]);
      await docker.engine.call("GET", `/volumes/${external}`);
    } finally {
      await docker.engine.call("DELETE", `/volumes/${external}`, { query: { force: true } });
    }
  });

  test("an image that is built is tagged as image; another context is another config, and replaces; the same one does nothing", async () => {
    const image = `${docker.home}-built:1`;
    MADE.push(image);
    const stack = rig.stack(`
      services:
        built: { image: "${image}", build: { context: ./app, args: { WHO: world }, target: last }, stop: { signal: SIGKILL } }
        other: { image: ${docker.image}, command: [sleep, "1000"], stop: { signal: SIGKILL } }
    `);
    const dockerfile = (text: string): string =>
      `FROM ${docker.image} AS last\nARG WHO\nENV WHO=$WHO\nCOPY text /text\nCMD ["sh", "-c", "cat /text; echo ${text} $WHO; exec sleep 1000"]\nFROM ${docker.image}\nRUN false\n`;
    stack.write("app/Dockerfile", dockerfile("hello"));
    stack.write("app/text", "one\n");
    await stack.up();
    const first = await stack.service("built");
    expect((await docker.inspect(first.instances[0]?.container ?? "")).Image).toBe((await inspectImage(docker.engine, image)).Id);
    await until("its lines", async () => (await stack.lines("built")).length >= 2);
    expect(await stack.lines("built")).toEqual(["one", "hello world"]);
    expect(await stack.orco("apply")).toMatchObject({ code: 0, err: expect.stringContaining("nothing to change") });
    const untouched = await containerOf(stack, "other");
    stack.write("app/text", "two\n");
    expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json"))).toMatchObject({ changes: 1 });
    await stack.ok("apply");
    const second = await stack.service("built");
    expect(second.instances[0]?.config).not.toBe(first.instances[0]?.config ?? "");
    await until("its new lines", async () => (await stack.lines("built")).length >= 4);
    expect((await stack.lines("built")).slice(2)).toEqual(["two", "hello world"]);
    expect((await docker.inspect(second.instances[0]?.container ?? "")).Image).toBe((await inspectImage(docker.engine, image)).Id);
    expect(await containerOf(stack, "other")).toBe(untouched);
    await stack.ok("down");
  });

  test("pull: missing asks the registry once, always each time, never not at all", async () => {
    const registry = await registryHere();
    MADE.push(registry.image);
    const file = (pull: string): string => `
      services: { tiny: { image: "${registry.image}", pull: ${pull}, command: [/bin/busybox, sleep, "1000"], stop: { signal: SIGKILL } } }
    `;
    try {
      const stack = rig.stack(file("never"));
      const never = await stack.orco("up", "-d", "--wait");
      expect(never).toMatchObject({ code: 1, err: expect.stringContaining("pull is never") });
      expect(await registry.asked()).toBe(0);
      stack.edit(file("missing"));
      await stack.ok("apply");
      const asked = await registry.asked();
      expect(asked).toBeGreaterThan(0);
      await stack.ok("restart", "tiny");
      expect(await registry.asked()).toBe(asked);
      stack.edit(file("always"));
      await stack.ok("apply");
      const again = await registry.asked();
      expect(again).toBeGreaterThan(asked);
      await stack.ok("restart", "tiny");
      expect(await registry.asked()).toBeGreaterThan(again);
      await stack.ok("down");
    } finally {
      await registry.close();
    }
  });

  test("a network that somebody removed is made again at the next start, and told", async () => {
    const stack = rig.stack(`
      services:
        one: { image: ${docker.image}, command: [sleep, "1000"], stop: { signal: SIGKILL }, restartPolicy: { backoff: { min: 10ms } } }
    `);
    await stack.up();
    const name = `${stack.name}_default`;
    const before = await containerOf(stack, "one");
    await docker.engine.call("POST", `/networks/${name}/disconnect`, { body: { Container: before, Force: true } });
    await docker.engine.call("DELETE", `/networks/${name}`);
    await stack.ok("restart", "one");
    expect((await stack.history()).filter(({ type, reason }) => type === "instance.warning" && reason === "network_lost")).toMatchObject([
      { service: "one", message: expect.stringContaining(name) },
    ]);
    expect(await docker.networks(stack.name)).toHaveLength(1);
    expect(await stack.service("one")).toMatchObject({ ready: true });
    await stack.ok("down");
  });

  test("who stands on what is not ready runs on and says so; a container that is paused is unready, one that is killed is started again", async () => {
    const port = freePort();
    const stack = rig.stack(`
      services:
        db:
          image: ${docker.image}
          init: true
          command: [sh, -c, "mkdir /tmp/w; echo hi > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w"]
          ports: ["${port}:8080"]
          health: { http: { url: "http://localhost:${port}/" }, interval: 100ms, timeout: 2s, failureThreshold: 2, onUnready: none }
        api: { image: ${docker.image}, command: [sleep, "1000"], stop: { signal: SIGKILL }, dependsOn: [db] }
    `);
    await stack.up();
    const db = await containerOf(stack, "db");
    const { restarts } = await stack.service("db");
    await docker.engine.call("POST", `/containers/${db}/pause`);
    const paused = await stack.whenService("db", "to be unready", (service) => !service.ready && service);
    expect(paused).toMatchObject({ state: "Running", restarts, message: expect.stringContaining("timed out") });
    expect(await stack.service("api")).toMatchObject({ state: "Running", ready: true, degraded: expect.stringContaining("db") });
    await docker.engine.call("POST", `/containers/${db}/unpause`);
    await stack.whenService("db", "to be ready", ({ ready }) => ready);
    await stack.whenService("api", "to be well", ({ degraded }) => degraded === undefined);
    const api = await containerOf(stack, "api");
    await docker.engine.call("POST", `/containers/${api}/pause`);
    await until("status to tell", async () => (await stack.service("api")).message.includes("paused by somebody else: docker unpause"));
    await stack.ok("restart", "api");
    expect((await stack.service("api")).message).toBe("");
    expect(await containerOf(stack, "api")).not.toBe(api);
    await docker.engine.call("POST", `/containers/${db}/kill`);
    const back = await stack.whenService(
      "db",
      "to be back",
      ({ ready, instances }) => ready && instances[0]?.container !== db && instances[0],
    );
    expect(back.restarts).toBe(restarts + 1);
    const events = (await stack.history()).filter(({ service, reason }) => service === "db" && reason === "instance_crash");
    expect(events[0]).toMatchObject({ exit: { code: 137, signal: "SIGKILL", reason: "signaled" } });
    await stack.ok("down");
  });
});
