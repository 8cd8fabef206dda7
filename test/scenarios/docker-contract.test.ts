import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { freePort, freePorts } from "../free-port.ts";
import { until } from "../until.ts";
import { dockerRig, type Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";

const found = await dockerRig();
const { rig, docker } = found ?? ({} as { rig: Rig; docker: Docker });

const SERVE = "mkdir -p /tmp/w; echo hello > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w";

/** `service: {…}` that serves on 8080. */
const server = (more = ""): string =>
  `{ image: ${docker.image}, command: ["sh", "-c", "${SERVE}"], init: true, stop: { signal: SIGKILL }${more} }`;

describe.skipIf(!found)("containers as stack.md has them", () => {
  test("labels of container, network and volume; the user's own stay; status names container, config, version and address", async () => {
    const stack = rig.stack(`
      services:
        api:
          image: ${docker.image}
          command: [sleep, "1000"]
          init: true
          labels: { team: blue }
          volumes: ["data:/data", "/own"]
    `);
    await stack.up();
    const { instances } = await stack.service("api");
    const [one] = instances;
    const seen = await docker.inspect(one?.container ?? "");
    const owner = { "orco.home": docker.home, "orco.stack": stack.name };
    expect(seen.Name).toMatch(new RegExp(`^/${stack.name}-api-0-[0-9a-f]{6}$`));
    expect(seen.Config.Labels).toMatchObject({
      ...owner,
      "orco.service": "api",
      "orco.replica": "0",
      "orco.instance": one?.id ?? "",
      "orco.config": one?.config ?? "",
      team: "blue",
    });
    expect(await docker.networks(stack.name)).toMatchObject([{ Name: `${stack.name}_default`, Labels: owner }]);
    const volumes = await docker.volumes(stack.name);
    expect(volumes.find(({ Name }) => Name === `${stack.name}_data`)?.Labels).toMatchObject(owner);
    expect(volumes).toHaveLength(2);
    expect(one).toMatchObject({ version: "new", config: expect.stringMatching(/^[0-9a-f]+$/), state: "Running", pid: expect.any(Number) });
    expect(JSON.parse(await stack.ok("status", "--json"))).toMatchObject({
      stack: stack.name,
      services: [{ instances: [{ container: seen.Id }] }],
    });
    await stack.ok("down", "--volumes");
  });

  test("ports: on 127.0.0.1 unless an address is given, ranges, container-only ports; PORT is the container's", async () => {
    const [bare, range] = [freePort(), freePorts(2)];
    const other = outsideAddress();
    const anywhere = freePort();
    const stack = rig.stack(`
      services:
        bare: ${server(`, ports: ["${bare}:8080"]`)}
        ranged: ${server(`, ports: ["${range}-${range + 1}:8080-8081"]`)}
        open: ${server(`, ports: ["${other}:${anywhere}:8080"]`)}
        beside: ${server(`, ports: ["127.0.0.2:${bare}:8080"]`)}
        inner: ${server(`, ports: ["8080"], health: { http: { url: "http://localhost:8080/" }, interval: 100ms, timeout: 5s, gracePeriod: 30s }`)}
        port: { image: ${docker.image}, command: [sh, -c, "echo $$PORT"], ports: ["9191"], restartPolicy: { condition: never } }
    `);
    await stack.up();
    const bindings = async (service: string): Promise<unknown> => {
      const { NetworkSettings } = await docker.inspect((await stack.service(service)).instances[0]?.container ?? "");
      return Object.fromEntries(
        Object.entries(NetworkSettings.Ports ?? {}).flatMap(([port, to]) =>
          to ? [[port, to.map((at) => `${at.HostIp}:${at.HostPort}`)]] : [],
        ),
      );
    };
    expect(await bindings("bare")).toEqual({ "8080/tcp": [`127.0.0.1:${bare}`] });
    expect(await bindings("ranged")).toEqual({ "8080/tcp": [`127.0.0.1:${range}`], "8081/tcp": [`127.0.0.1:${range + 1}`] });
    expect(await bindings("open")).toEqual({ "8080/tcp": [`${other}:${anywhere}`] });
    expect(await bindings("beside")).toEqual({ "8080/tcp": [`127.0.0.2:${bare}`] });
    expect(await bindings("inner")).toEqual({});
    for (const at of [`127.0.0.1:${bare}`, `127.0.0.1:${range}`, `${other}:${anywhere}`])
      await until(at, async () => (await fetch(`http://${at}/`).then((answer) => answer.text(), String)) === "hello\n");
    expect(await fetch(`http://${other}:${bare}/`).catch(() => "refused")).toBe("refused");
    expect(await stack.lines("port")).toEqual(["9191"]);
    await stack.ok("down");
  });

  test("services find each other by name, the machine as host.docker.internal", async () => {
    const here = Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response("from the machine") });
    const stack = rig.stack(`
      services:
        api: ${server(', ports: ["8080"], replicas: 2, health: { http: { url: "http://localhost:8080/" }, interval: 100ms, timeout: 5s, gracePeriod: 30s }')}
        asks:
          image: ${docker.image}
          command: [sh, -c, "wget -qO- http://api:8080/; nslookup api 127.0.0.11 | grep -c '^Address.*172\\\\|^Address.*192\\\\|^Address.*10\\\\.'; wget -qO- http://host.docker.internal:${here.port}/"]
          dependsOn: [api]
          restartPolicy: { condition: never }
    `);
    await stack.up();
    expect(await stack.lines("asks")).toEqual(["hello", "2", "from the machine"]);
    await here.stop(true);
    await stack.ok("down");
  });

  test("a command that is text is split as a shell does and appended to the entrypoint; user, workdir, ulimits, resources, stop signal", async () => {
    const stack = rig.stack(`
      services:
        split:
          image: ${docker.image}
          entrypoint: ["echo", "entry"]
          command: "'one two' three\\\\ four \\"$$HOME\\""
          restartPolicy: { condition: never }
        entry: { image: ${docker.image}, entrypoint: "echo only", restartPolicy: { condition: never } }
        all:
          image: ${docker.image}
          command: [sh, -c, "id -u; id -g; pwd; ulimit -n; trap 'echo usr1; exit 0' USR1; while :; do sleep 0.05; done"]
          user: "1234:2345"
          workdir: /tmp
          ulimits: { nofile: { soft: 512, hard: 1024 }, nproc: 100 }
          resources: { cpu: 500m, memory: 64m, pids: 50 }
          stop: { signal: SIGUSR1, timeout: 5s }
    `);
    await stack.up();
    expect(await stack.lines("split")).toEqual(["entry one two three four $HOME"]);
    expect(await stack.lines("entry")).toEqual(["only"]);
    const all = await docker.inspect((await stack.service("all")).instances[0]?.container ?? "");
    expect(all.HostConfig).toMatchObject({
      NanoCpus: 5e8,
      Memory: 64 << 20,
      PidsLimit: 50,
      Ulimits: expect.arrayContaining([
        { Name: "nofile", Soft: 512, Hard: 1024 },
        { Name: "nproc", Soft: 100, Hard: 100 },
      ]),
    });
    expect(all.Config).toMatchObject({ User: "1234:2345", WorkingDir: "/tmp", StopSignal: "SIGUSR1" });
    await until("its lines", async () => (await stack.lines("all")).length === 4);
    await stack.ok("stop", "all");
    expect(await stack.lines("all")).toEqual(["1234", "2345", "/tmp", "512", "usr1"]);
    expect((await stack.service("all")).instances[0]).toMatchObject({ state: "Stopped" });
    await stack.ok("down");
  });

  test("env: the file's own over env files, a later one over an earlier; secrets as variable, file, and at a path, of the user", async () => {
    const stack = rig.stack(`
      services:
        one:
          image: ${docker.image}
          user: "65534:65534"
          envFromFile: [./a.env, ./b.env]
          env: { C: own }
          command: [sh, -c, "echo $$A $$B $$C; echo $$D; ls -ln /run/secrets/KEY /tmp/at/key | awk '{print $$1, $$3, $$4}'; cat /tmp/at/key | wc -c; echo $$TOKEN | wc -c; grep -c ' /run/secrets/KEY tmpfs' /proc/mounts; env | sort | grep -o '^ORCO_[A-Z]*'"]
          secrets: { KEY: { file: ./key, as: file }, AT: { file: ./key, as: file, path: /tmp/at/key }, TOKEN: { file: ./token } }
          restartPolicy: { condition: never }
    `);
    stack.write("a.env", "A=a\nB=a\nC=a\n");
    stack.write("b.env", "B=\"b $NOT\"\nC=b\nexport D='d'\n");
    stack.write("key", "open sesame");
    stack.write("token", "abracadabra");
    await stack.up();
    expect(await stack.lines("one")).toEqual([
      "a b $NOT own",
      "d",
      "-r-------- 65534 65534",
      "-r-------- 65534 65534",
      "11",
      "12",
      "1",
      "ORCO_INSTANCE",
      "ORCO_REPLICA",
      "ORCO_SECRETS",
      "ORCO_SERVICE",
      "ORCO_STACK",
    ]);
    await stack.ok("down");
    stack.edit(`services: { one: { image: ${docker.image}, envFromFile: ./missing.env } }`);
    expect(await stack.orco("up", "-d")).toMatchObject({
      code: expect.any(Number),
      err: expect.stringMatching(/missing\.env.*(not exist|no such)/i),
    });
  });
});

/** An address of this machine that is not the loopback's. */
function outsideAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal);
  return found?.address ?? "127.0.0.2";
}
