import { afterEach, describe, expect, test } from "bun:test";
import { dockerHere, IMAGE } from "../../../test/docker/engine.ts";
import { FakeClock } from "../../kernel/clock.ts";
import { until } from "../../../test/until.ts";
import { createContainer, removeContainer, startContainer } from "./containers.ts";
import { Engine } from "./engine.ts";
import { createNetwork, inspectNetwork, listNetworks, removeNetwork } from "./networks.ts";
import { claimResources, disposeResources, ensureNetwork, ensureVolumes } from "./resources.ts";
import { createVolume, inspectVolume, listVolumes, removeVolume } from "./volumes.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const homeId = `test-${crypto.randomUUID()}`;
const OWN = "orco.test.resources";
const signal = new AbortController().signal;
const made: string[] = [];

function stackOf() {
  const stack = `t${crypto.randomUUID().slice(0, 8)}`;
  const labels = { "orco.home": homeId, "orco.stack": stack };
  return { stack, labels, network: { name: `${stack}_default`, labels } };
}

afterEach(async () => {
  for (const id of made.splice(0)) await removeContainer(docker, id);
  for (const label of [`orco.home=${homeId}`, OWN]) {
    for (const { Id } of here ? await listNetworks(docker, { label: [label] }) : []) await removeNetwork(docker, Id);
    for (const { Name } of here ? await listVolumes(docker, [label]) : []) await removeVolume(docker, Name);
  }
});

async function container(more: object): Promise<string> {
  const id = await createContainer(docker, `orco-resources-${crypto.randomUUID()}`, {
    spec: { Image: IMAGE, Cmd: ["sleep", "300"], HostConfig: { Init: true, ...more } },
  });
  made.push(id);
  await startContainer(docker, id);
  return id;
}

describe.skipIf(!here)("the network of a stack", () => {
  test("is made once, however many ask at once", async () => {
    const { network } = stackOf();
    const other = new Engine(docker.host);
    const all = await Promise.all([docker, docker, docker, docker].map((engine) => ensureNetwork(engine, network)));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all.filter(({ made }) => made)).toHaveLength(1);
    expect(await ensureNetwork(other, network)).toEqual({
      id: all[0]?.id ?? "",
      made: false,
      gateway: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
    });
    expect(await listNetworks(docker, { name: [network.name] })).toHaveLength(1);
  });

  test("that is somebody else's is refused, and not touched", async () => {
    const { network, labels } = stackOf();
    const strangers = [{ [OWN]: "1" }, { [OWN]: "1", ...labels, "orco.home": "another" }];
    for (const Labels of strangers) {
      const id = await createNetwork(docker, { name: network.name, labels: Labels });
      expect(ensureNetwork(docker, network)).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining(network.name) });
      await disposeResources(docker, { homeId, stack: labels["orco.stack"], volumes: true, signal });
      expect((await inspectNetwork(docker, id)).Id).toBe(id);
      await removeNetwork(docker, id);
    }
  });

  test("goes when its containers have gone; who holds on to it is named", async () => {
    const { stack, network } = stackOf();
    const { id: net } = await ensureNetwork(docker, network);
    const id = await container({ NetworkMode: network.name });
    const clock = new FakeClock();
    const held = disposeResources(docker, { homeId, stack, volumes: false, signal, clock }).catch((error: unknown) => error);
    await until("it waits", () => clock.pendingTimers > 0);
    clock.jumpWall(1);
    let settled = false;
    void held.then(() => (settled = true));
    await until("it has waited long enough", async () => {
      await clock.advance(1000);
      return settled;
    });
    expect(await held).toMatchObject({ code: "conflict", message: expect.stringContaining("orco-resources-") });
    const disposing = disposeResources(docker, { homeId, stack, volumes: false, signal });
    await removeContainer(docker, id);
    await disposing;
    expect(inspectNetwork(docker, net)).rejects.toMatchObject({ code: "not_found" });
    await disposeResources(docker, { homeId, stack, volumes: true, signal });
  });
});

describe.skipIf(!here)("volumes", () => {
  test("are made with labels, found again, and removed only where asked", async () => {
    const { stack, labels, network } = stackOf();
    const volumes = [`${stack}_data`, `${stack}_more`];
    const claim = { homeId, stack, network: network.name, volumes };
    await Promise.all([claimResources(docker, claim), claimResources(docker, claim)]);
    await ensureVolumes(docker, [{ kind: "volume", name: `${stack}_data`, target: "/data", readOnly: false, labels }]);
    expect((await listVolumes(docker, [`orco.stack=${stack}`])).map(({ Name }) => Name).toSorted()).toEqual(volumes);
    await disposeResources(docker, { homeId, stack, volumes: false, signal });
    expect(await listVolumes(docker, [`orco.stack=${stack}`])).toHaveLength(2);
    expect(await listNetworks(docker, { name: [network.name] })).toHaveLength(0);
    await disposeResources(docker, { homeId, stack, volumes: true, signal });
    expect(await listVolumes(docker, [`orco.stack=${stack}`])).toHaveLength(0);
  });

  test("of somebody else are refused and not touched; external ones have to be there", async () => {
    const { stack, labels } = stackOf();
    const name = `${stack}_data`;
    await createVolume(docker, { name, labels: { [OWN]: "1" } });
    const mine = { kind: "volume" as const, name, target: "/data", readOnly: false };
    expect(ensureVolumes(docker, [{ ...mine, labels }])).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(name),
    });
    await disposeResources(docker, { homeId, stack, volumes: true, signal });
    expect((await inspectVolume(docker, name)).Name).toBe(name);
    await ensureVolumes(docker, [mine, { kind: "tmpfs", target: "/tmp" }]);
    const missing = { ...mine, name: `${stack}_none` };
    expect(ensureVolumes(docker, [missing])).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining(missing.name) });
  });
});
