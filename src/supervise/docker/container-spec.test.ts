import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerHere, IMAGE } from "../../../test/docker/engine.ts";
import type { ContainerLaunch, LaunchSpec, VolumeMount } from "../runtime.ts";
import { containerSpec, mountsOf, type SpecOptions } from "./container-spec.ts";
import { containerLogs, createContainer, removeContainer, startContainer, waitContainer } from "./containers.ts";
import { Engine } from "./engine.ts";
import { disposeResources, ensureNetwork, ensureVolumes } from "./resources.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const homeId = `test-${crypto.randomUUID()}`;
const stack = `t${crypto.randomUUID().slice(0, 8)}`;
const labels = { "orco.home": homeId, "orco.stack": stack };
const root = mkdtempSync(join(tmpdir(), "orco-spec-"));
const made: string[] = [];
const plain: SpecOptions = { image: IMAGE, imageVolumes: [], secretBinds: [], publishDialled: false };

afterAll(async () => {
  for (const id of made) await removeContainer(docker, id);
  if (here) await disposeResources(docker, { homeId, stack, volumes: true, signal: new AbortController().signal });
  rmSync(root, { recursive: true });
});

function launch(container: Partial<ContainerLaunch> = {}, spec: Partial<LaunchSpec> = {}): LaunchSpec & { container: ContainerLaunch } {
  return {
    instance: "i",
    stack,
    service: "api",
    replica: 0,
    argv: [],
    cwd: "",
    env: {},
    ...spec,
    container: {
      name: `${stack}-api-0-abcdef`,
      image: IMAGE,
      pull: "missing",
      init: false,
      stopSignal: "SIGTERM",
      ulimits: {},
      labels,
      network: { name: `${stack}_default`, labels },
      aliases: ["api"],
      volumes: [],
      publish: [],
      dialled: [],
      secrets: [],
      anonymousVolume: { prefix: `${stack}_api-0-`, labels },
      ...container,
    },
  };
}

const portOf = fc.integer({ min: 1, max: 65535 });
const published = fc.record({
  container: portOf,
  protocol: fc.constantFrom("tcp" as const, "udp" as const),
  host: portOf,
  hostIp: fc.constantFrom("127.0.0.1", "0.0.0.0", "10.0.0.1"),
});
const mount: fc.Arbitrary<VolumeMount> = fc.oneof(
  fc.record({
    kind: fc.constant("bind" as const),
    source: fc.constant("/src"),
    target: fc.constantFrom("/a", "/b/"),
    readOnly: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("volume" as const), name: fc.constant("v"), target: fc.constantFrom("/c", "/d/"), readOnly: fc.boolean() }),
  fc.record({ kind: fc.constant("tmpfs" as const), target: fc.constantFrom("/e", "/f") }),
);

describe("the spec of a container", () => {
  test("publishes what is declared, and what is dialled exactly where it has to", () => {
    fc.assert(
      fc.property(fc.array(published), fc.uniqueArray(portOf), fc.boolean(), (publish, dialled, publishDialled) => {
        const { HostConfig, ExposedPorts } = containerSpec(launch({ publish, dialled }), { ...plain, publishDialled });
        const bindings = HostConfig?.PortBindings ?? {};
        for (const { container, protocol, host, hostIp } of publish)
          expect(bindings[`${container}/${protocol}`]).toContainEqual({ HostIp: hostIp, HostPort: String(host) });
        for (const port of dialled) {
          expect(ExposedPorts).toHaveProperty([`${port}/tcp`]);
          const onLoopback = (bindings[`${port}/tcp`] ?? []).filter(({ HostIp = "" }) => ["127.0.0.1", "0.0.0.0"].includes(HostIp));
          if (publishDialled) expect(onLoopback.length).toBeGreaterThan(0);
        }
        const count = Object.values(bindings)
          .flat()
          .filter(({ HostPort }) => HostPort === "").length;
        expect(count).toBeLessThanOrEqual(publishDialled ? dialled.length : 0);
      }),
    );
  });

  test("has each mount once, and a volume of its own for each path of the image that nothing covers", () => {
    const paths = fc.uniqueArray(fc.constantFrom("/a", "/b", "/c", "/d", "/e", "/g", "/g/", "/h/i"));
    fc.assert(
      fc.property(fc.uniqueArray(mount, { selector: ({ target }) => target }), paths, (volumes, imageVolumes) => {
        const spec = launch({ volumes });
        const all = mountsOf(spec.container, imageVolumes).map(({ target }) => target.replace(/(.)\/$/, "$1"));
        expect(new Set(all).size).toBe(all.length);
        for (const path of imageVolumes) expect(all).toContain(path.replace(/(.)\/$/, "$1"));
        const { Binds = [], Mounts = [] } = containerSpec(spec, { ...plain, imageVolumes }).HostConfig ?? {};
        expect(Binds.length + Mounts.length).toBe(all.length);
      }),
    );
    const [again] = mountsOf(launch().container, ["/data"]);
    expect(again).toEqual({ kind: "volume", name: `${stack}_api-0-bd47413b`, target: "/data", readOnly: false, labels });
  });

  test("leaves to the image what is not said", () => {
    const bare = containerSpec(launch(), plain);
    expect(bare).not.toHaveProperty("Entrypoint");
    expect(bare).not.toHaveProperty("Cmd");
    expect(bare).not.toHaveProperty("WorkingDir");
    expect(bare).not.toHaveProperty("User");
    expect(containerSpec(launch({ entrypoint: [] }), plain).Entrypoint).toEqual([""]);
    expect(containerSpec(launch({}, { limits: { cpu: 0.5, memory: 64, pids: 9 } }), plain).HostConfig).toMatchObject({
      NanoCpus: 500_000_000,
      Memory: 64,
      MemorySwap: 64,
      PidsLimit: 9,
      SecurityOpt: ["no-new-privileges"],
      RestartPolicy: { Name: "no" },
      ExtraHosts: ["host.docker.internal:host-gateway"],
    });
  });

  test("says binds as docker does, and refuses what docker has no words for", () => {
    const bind = { kind: "bind" as const, source: "/a", target: "/b", readOnly: true };
    const binds = (one: VolumeMount) => containerSpec(launch({ volumes: [one] }), plain).HostConfig;
    expect(binds(bind)?.Binds).toEqual(["/a:/b:ro"]);
    expect(binds({ ...bind, readOnly: false, selinux: "Z" })?.Binds).toEqual(["/a:/b:rw,Z"]);
    expect(binds({ ...bind, source: "/a:b" })?.Mounts).toEqual([{ Type: "bind", Source: "/a:b", Target: "/b", ReadOnly: true }]);
    expect(() => binds({ ...bind, source: "/a:b", selinux: "z" })).toThrow("colon");
  });
});

async function says(spec: LaunchSpec & { container: ContainerLaunch }, options = plain): Promise<string[]> {
  await ensureNetwork(docker, spec.container.network);
  await ensureVolumes(docker, mountsOf(spec.container, options.imageVolumes));
  const id = await createContainer(docker, `${stack}-${crypto.randomUUID()}`, { spec: containerSpec(spec, options) });
  made.push(id);
  await startContainer(docker, id);
  await waitContainer(docker, id);
  let text = "";
  for await (const frames of containerLogs(docker, id)) for (const { data } of frames) text += Buffer.from(data).toString();
  return text.trim().split("\n");
}

describe.skipIf(!here)("a container made of it", () => {
  test("has all of it", async () => {
    const script = [
      'echo "$A $(id -u) $(pwd) $(ulimit -n)"',
      "grep -o host.docker.internal /etc/hosts",
      "df -k /tmpfs | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
      "echo x >/data/x && echo wrote; echo x 2>&1 >/bind/x",
      "grep NoNewPrivs /proc/1/status | tr -d '\\t'",
      "cat /proc/1/comm",
    ].join("; ");
    const spec = launch(
      {
        entrypoint: ["/bin/sh", "-c"],
        init: true,
        // Where one is set, podman wants more processes than root may have without privileges.
        ulimits: { nofile: { soft: 123, hard: 456 }, nproc: { soft: 4096, hard: 4096 } },
        volumes: [
          { kind: "bind", source: join(root, "made/by/docker"), target: "/bind", readOnly: true },
          { kind: "volume", name: `${stack}_data`, target: "/data", readOnly: false, labels },
          { kind: "tmpfs", target: "/tmpfs", sizeBytes: 1024 * 1024 },
        ],
      },
      { argv: [script], env: { A: "a=b c" }, user: "0:0", cwd: "/data", limits: { cpu: 0.5, memory: 64 * 1024 * 1024, pids: 50 } },
    );
    expect(await says(spec)).toEqual([
      "a=b c 0 /data 123",
      "host.docker.internal",
      "1024",
      "wrote",
      expect.stringContaining("Read-only file system"),
      "NoNewPrivs:1",
      (await docker.isPodman()) ? "podman-init" : "docker-init",
    ]);
  });

  test("finds its image volume again, and its peers by name", async () => {
    const image = { ...plain, imageVolumes: ["/var/data"] };
    const write = launch({}, { argv: ["sh", "-c", "echo kept >/var/data/x"] });
    await says(write, image);
    expect(await says(launch({}, { argv: ["cat", "/var/data/x"] }), image)).toEqual(["kept"]);
    const [answer] = await says(launch({ aliases: ["myself"] }, { argv: ["sh", "-c", "ping -c 1 -W 1 myself | head -n 1"] }));
    expect(answer).toStartWith("PING myself (");
  });
});
