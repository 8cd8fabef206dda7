import { describe, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Asking } from "./asking.ts";
import { boundsOf } from "./bounds.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import { web, type Web } from "./docker-web.ts";
import { type Rig, scenario } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

const file = (service: Omit<Web, "image">): string => `services: { web: ${web({ image: docker.image, ...service })} }`;
const lastSeq = async (stack: StackUnderTest): Promise<number> => (await stack.history()).at(-1)?.seq ?? 0;
const ids = async (stack: StackUnderTest, service = "web"): Promise<(string | undefined)[]> =>
  (await stack.service(service)).instances.map(({ container }) => container);

describe.skipIf(!found)("updates of containers that do not go as they should", () => {
  for (const bad of [1, 2])
    test(`replica ${bad} of three fails its probe: all goes back within the bounds, naming the probe, what it said, and the last 20 lines`, async () => {
      const port = freePort();
      const at = { port, update: "{ strategy: rolling }", health: "gracePeriod: 6s, failureThreshold: 3" };
      const stack = rig.stack(file({ version: "v1", ...at }));
      await stack.up();
      const since = await lastSeq(stack);
      const asking = new Asking(`http://127.0.0.1:${port}/`);
      const first = `test $$ORCO_REPLICA = ${bad} && seq 1 50 && exec sleep 1000`;
      stack.edit(file({ version: "v2", ...at, first }));
      const said = await stack.orco("apply");
      expect(said.code).toBe(1);
      expect(said.err).toMatch(
        new RegExp(`update of web failed: web/${bad} probe_unready: probe failing: http GET http://[^ ]+/health refused`),
      );
      expect(said.err).toContain("the former version was restored");
      expect(said.err.split("\n").flatMap((line) => /^\s+(\d+)$/.exec(line)?.[1] ?? [])).toEqual(
        Array.from({ length: 20 }, (_, n) => String(n + 31)),
      );
      const { leastReady, mostLive } = boundsOf(await stack.history(), "web", since);
      expect({ leastReady, mostLive }).toEqual({ leastReady: 3, mostLive: 4 });
      const answers = await asking.stop();
      expect(answers.filter((answer) => answer.said !== "v1" && answer.said !== "v2")).toEqual([]);
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("v1\n");
      expect(await stack.service("web")).toMatchObject({ ready: true, replicas: { ready: 3, live: 3, desired: 3 } });
      await stack.ok("down");
    });

  test("recreate of a port that docker publishes: stopped, then started; what cannot start goes back", async () => {
    const port = freePort();
    const body = (command: string): string =>
      `services: { one: { image: ${docker.image}, init: true, ports: ["${port}:8080"], command: ["sh", "-c", "${command}"], update: { observationWindow: 2s } } }`;
    const serve = (version: string): string => `mkdir /tmp/w; echo ${version} > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w`;
    const stack = rig.stack(body(serve("v1")));
    await stack.up();
    const since = await lastSeq(stack);
    stack.edit(body(serve("v2")));
    expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json"))).toMatchObject({
      services: [{ action: "change", strategy: "recreate" }],
    });
    await stack.ok("apply");
    expect(boundsOf(await stack.history(), "one", since)).toEqual({ leastReady: 0, mostLive: 1 });
    await until("v2", async () => (await fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text(), String)) === "v2\n");
    stack.edit(body("echo broken; exit 4"));
    const said = await stack.orco("apply");
    expect(said.code).toBe(1);
    for (const part of ["exit code 4", "broken", "the former version was restored"]) expect(said.err).toContain(part);
    await until("v2 again", async () => (await fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text(), String)) === "v2\n");
    await stack.ok("down");
  });

  test("a process and a container change in one apply; a service moves to docker and back on its port; scales up and down", async () => {
    const [port, moving] = [freePort(), freePort()];
    const update = "{ strategy: rolling }";
    const mixed = (version: string, runtime: "process" | "docker"): string => `
      services:
        web: ${web({ image: docker.image, version, port, update, replicas: 2 })}
        work: { command: "echo ${version}; exec sleep 1000", dependsOn: [web] }
        moves: ${runtime === "docker" ? web({ image: docker.image, version, port: moving, update, replicas: 1 }) : asProcess(version, moving)}
    `;
    const stack = rig.stack(mixed("v1", "process"));
    await stack.up();
    const said = async (at: number): Promise<string> => (await (await fetch(`http://127.0.0.1:${at}/`)).text()).split(/\s/)[0] ?? "";
    expect([await said(port), await said(moving)]).toEqual(["v1", "v1"]);
    for (const [version, runtime] of [
      ["v2", "docker"],
      ["v3", "process"],
      ["v4", "docker"],
    ] as const) {
      stack.edit(mixed(version, runtime));
      await stack.ok("apply");
      expect([await said(port), await said(moving)]).toEqual([version, version]);
      await until("its line", async () => (await stack.lines("work")).at(-1) === version);
      expect((await stack.service("moves")).instances.map(({ container }) => container !== undefined)).toEqual([runtime === "docker"]);
    }
    await stack.ok("scale", "web", "4");
    expect(await stack.service("web")).toMatchObject({ ready: true, replicas: { ready: 4, live: 4, desired: 4 } });
    const four = await ids(stack);
    await stack.ok("scale", "web", "1");
    expect(await ids(stack)).toEqual(four.slice(0, 1));
    await until("the others to be removed", async () => (await docker.containers(stack.name)).length === 2);
    await stack.ok("down");
  });
});

/** The same as a process. */
function asProcess(version: string, port: number): string {
  const program = new URL("../programs/versioned.ts", import.meta.url).pathname;
  return `{ command: ["${process.execPath}", "${program}", "${version}"], ports: ["${port}:8080"], update: { strategy: rolling }, health: { http: { url: "http://localhost:${port}/health" }, interval: 100ms, timeout: 2s, gracePeriod: 60s } }`;
}

describe.skipIf(!found)("a daemon that is killed in mid-update of containers", () => {
  for (const [strategy, update, phase] of [
    ["rolling", "{ strategy: rolling, observationWindow: 1500ms }", "updating"],
    ["canary", "{ strategy: canary, promoteAfter: 5s }", "canary"],
    ["blueGreen", "{ strategy: blueGreen, drainTimeout: 5s }", "switched"],
    ["recreate", "{ strategy: recreate }", "updating"],
  ] as const)
    scenario(`${strategy}: the run goes on by itself, and nothing is done twice`, async (own) => {
      const mine = new (docker.constructor as typeof Docker)(docker.engine, own);
      const port = freePort();
      const at = { port, update, replicas: 2 };
      const stack = own.stack(file({ version: "v1", ...at }), `${strategy.toLowerCase()}-${process.pid}`);
      try {
        await stack.up();
        const since = await lastSeq(stack);
        stack.edit(file({ version: "v2", ...at }));
        await stack.ok("apply", "-d");
        await stack.whenService(
          "web",
          `to be ${phase}`,
          (service) =>
            service.update?.phase === phase &&
            service.instances.some(({ version, ready }) => version === "new" && (ready || strategy === "recreate")),
        );
        const [run] = (await own.client.runs({ stack: stack.name })).runs;
        await own.killDaemon();
        await own.serve();
        expect(await own.client.waitRun(run?.id ?? "")).toMatchObject({ status: "completed" });
        expect(await stack.service("web")).toMatchObject({ ready: true, replicas: { ready: 2, live: 2, desired: 2 } });
        expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("v2\n");
        const history = await stack.history();
        const bounds = boundsOf(history, "web", since);
        if (strategy !== "recreate") expect(bounds.leastReady).toBeGreaterThanOrEqual(2);
        expect(bounds.mostLive).toBeLessThanOrEqual({ rolling: 3, canary: 3, blueGreen: 4, recreate: 2 }[strategy]);
        const starts = history.filter(({ seq, type }) => seq > since && type === "instance.created");
        expect(starts).toHaveLength(2);
        await until("two containers", async () => (await mine.containers(stack.name)).length === 2);
        await stack.ok("down");
      } finally {
        if (own.daemonPid() !== undefined) await stack.orco("down");
        await mine.clean();
      }
    });
});
